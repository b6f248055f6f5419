use crate::error::{Error, Result};
use crate::geometry::{BATCH, Output, axis, check_elements, expect, extents, inputs, op};
use crate::shape::Shape;

/// Scaled dot-product attention, for each head: the values of all keys, weighted by the softmax of scale * query * key + bias + mask along the
/// keys.
///
/// The matrix of scores is never in memory. A query without any score above minus infinity gives 0, and one with a score that is NaN or positive
/// infinity NaN. Queries, keys and values have a multiple of 4 elements a head, up to [`Attention::MOST_ELEMENTS`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Attention {
    /// The factor of the products; without one, 1 / sqrt(elements of a query).
    pub scale: Option<f32>,
    /// Where heads stand.
    pub layout: AttentionLayout,
}

/// Where an [`Attention`] has the heads among the axes of its tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AttentionLayout {
    /// (batch, heads, positions, elements): queries, keys, values and the output.
    #[default]
    HeadsFirst,
    /// (batch, positions, heads, elements): queries, keys, values and the output.
    HeadsLast,
    /// Queries, keys and values in one tensor (batch, positions, 3, heads, elements), which is given as the query; the output is (batch, positions,
    /// heads, elements).
    Packed,
}

impl Attention {
    /// The most elements of a query, a key or a value of a head.
    pub const MOST_ELEMENTS: u32 = 64;

    /// The most keys of a head that every adapter takes; GPUs take as many as can be bound.
    pub const MOST_KEYS: u32 = 16384;
}

inputs!(
    /// The inputs of an [`Attention`].
    AttentionInputs {
        /// The queries, or, in [`AttentionLayout::Packed`], all.
        query,
        ;
        /// As many elements as a query has; absent where they are packed.
        key,
        /// As many positions as the key has; absent where they are packed.
        value,
        /// An addend of the scores, which broadcasts to (batch, heads, queries, keys).
        bias,
        /// Another one, with minus infinity where a query does not attend to a key.
        mask,
    }
);

/// A checked attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AttentionGeometry {
    pub(crate) shapes: AttentionInputs<Shape>,
    pub(crate) layout: AttentionLayout,
    pub(crate) scale: f32,
    pub(crate) batch: u32,
    pub(crate) heads: u32,
    pub(crate) queries: u32,
    pub(crate) keys: u32,
    /// The elements of a query, and of a value.
    pub(crate) elements: [u32; 2],
}

/// Where vectors lie in a tensor: the first element, and how far batches, heads and positions are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vectors {
    pub(crate) first: u32,
    pub(crate) batch: u32,
    pub(crate) head: u32,
    pub(crate) position: u32,
}

impl Vectors {
    /// The first element of the vector of a batch, head and position.
    pub(crate) fn first_of(&self, [batch, head, position]: [u32; 3]) -> u64 {
        let strides = [(batch, self.batch), (head, self.head), (position, self.position)];
        let offsets = strides.map(|(index, stride)| u64::from(index) * u64::from(stride));
        u64::from(self.first) + offsets.into_iter().sum::<u64>()
    }
}

impl AttentionGeometry {
    /// Checks shapes and scale.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Attribute`] with the two figures that disagree.
    pub fn new(op: &Attention, shapes: &AttentionInputs<Shape>) -> Result<Self> {
        let layout = op.layout;
        let [batch, queries, heads, elements, keys, of_value] = match (layout, shapes.key, shapes.value) {
            (AttentionLayout::Packed, None, None) => {
                let axes = [BATCH, axis("positions"), axis("tensors"), axis("heads"), axis("elements")];
                let [batch, positions, tensors, heads, elements] = extents("query", shapes.query, axes)?;
                expect("query", "tensors", tensors, 3, "queries, keys and values are")?;
                [batch, positions, heads, elements, positions, elements]
            }
            (AttentionLayout::HeadsFirst | AttentionLayout::HeadsLast, Some(key), Some(value)) => {
                let [batch, heads, queries, elements] = Self::extents("query", layout, shapes.query)?;
                let [of_batch, of_heads, keys, of_key] = Self::extents("key", layout, key)?;
                expect("key", "batches", of_batch, batch.into(), "query has")?;
                expect("key", "heads", of_heads, heads.into(), "query has")?;
                expect("key", "elements", of_key, elements.into(), "query has")?;
                let [of_batch, of_heads, positions, of_value] = Self::extents("value", layout, value)?;
                expect("value", "batches", of_batch, batch.into(), "query has")?;
                expect("value", "heads", of_heads, heads.into(), "query has")?;
                expect("value", "positions", positions, keys.into(), "key has")?;
                [batch, queries, heads, elements, keys, of_value]
            }
            (AttentionLayout::Packed, key, _) => {
                let name = if key.is_some() { "key" } else { "value" };
                return Err(Error::shape(name, format!("{name} was given; the query has it in layout Packed")));
            }
            (_, key, _) => {
                let name = if key.is_none() { "key" } else { "value" };
                return Err(Error::shape(name, format!("{name} is absent; layout {layout:?} needs it")));
            }
        };
        for (name, elements) in [("query", elements), ("value", of_value)] {
            if !elements.is_multiple_of(4) || elements > Attention::MOST_ELEMENTS {
                let most = Attention::MOST_ELEMENTS;
                let message = format!("{name} has {elements} elements a head; a multiple of 4 up to {most} is needed");
                return Err(Error::shape(name, message));
            }
        }
        let scale = op.scale.unwrap_or_else(|| (elements as f32).sqrt().recip());
        if !scale.is_finite() {
            return Err(Error::attribute("scale", format!("scale is {scale}; it must be finite")));
        }
        let elements = [elements, of_value];
        let geometry = Self { shapes: *shapes, layout, scale, batch, heads, queries, keys, elements };
        for (name, addend) in [("bias", shapes.bias), ("mask", shapes.mask)] {
            let Some(addend) = addend else { continue };
            check_elements(name, addend)?;
            let scores = geometry.scores();
            let fits = addend.rank() <= 4
                && addend.extents().iter().rev().zip(scores.iter().rev()).all(|(has, of)| has == of || *has == 1);
            if !fits {
                let scores = Shape::from(scores);
                return Err(Error::shape(
                    name,
                    format!("{name} is {addend}; it must broadcast to the scores, {scores}"),
                ));
            }
        }
        check_elements("output", geometry.output_shape())?;
        Ok(geometry)
    }

    /// Batch, heads, positions and elements of a tensor.
    fn extents(name: &'static str, layout: AttentionLayout, shape: Shape) -> Result<[u32; 4]> {
        if layout == AttentionLayout::HeadsFirst {
            return extents(name, shape, [BATCH, axis("heads"), axis("positions"), axis("elements")]);
        }
        let axes = [BATCH, axis("positions"), axis("heads"), axis("elements")];
        let [batch, positions, heads, elements] = extents(name, shape, axes)?;
        Ok([batch, heads, positions, elements])
    }

    /// (batch, heads, queries, keys)
    fn scores(&self) -> [u32; 4] {
        [self.batch, self.heads, self.queries, self.keys]
    }

    /// The shapes of the inputs.
    pub fn input_shapes(&self) -> AttentionInputs<Shape> {
        self.shapes
    }

    /// The shape of the output: the query's, with the elements of a value.
    pub fn output_shape(&self) -> Shape {
        let &Self { batch, heads, queries, elements: [_, of_value], .. } = self;
        match self.layout {
            AttentionLayout::HeadsFirst => [batch, heads, queries, of_value].into(),
            AttentionLayout::HeadsLast | AttentionLayout::Packed => [batch, queries, heads, of_value].into(),
        }
    }

    /// Floating-point operations: a multiplication and an addition per term of both products.
    pub fn flops(&self) -> u64 {
        let scores: u64 = self.scores().into_iter().map(u64::from).fold(1, u64::saturating_mul);
        scores.saturating_mul(2 * u64::from(self.elements[0] + self.elements[1]))
    }

    /// Where queries, keys, values and outputs lie.
    pub(crate) fn vectors(&self) -> [Vectors; 4] {
        let &Self { heads, queries, keys, elements: [of_query, of_value], .. } = self;
        let of = |positions: u32, elements: u32| match self.layout {
            AttentionLayout::HeadsFirst => {
                let head = positions * elements;
                Vectors { first: 0, batch: heads * head, head, position: elements }
            }
            AttentionLayout::HeadsLast | AttentionLayout::Packed => {
                let position = heads * elements;
                Vectors { first: 0, batch: positions * position, head: elements, position }
            }
        };
        let output = of(queries, of_value);
        if self.layout == AttentionLayout::Packed {
            let packed = |index: u32| Vectors {
                first: index * output.position,
                batch: 3 * output.batch,
                position: 3 * output.position,
                ..output
            };
            return [packed(0), packed(1), packed(2), output];
        }
        [of(queries, of_query), of(keys, of_query), of(keys, of_value), output]
    }

    /// The strides of an addend along batch, heads, queries and keys: 0 where it is repeated.
    pub(crate) fn strides(&self, addend: Shape) -> [u32; 4] {
        let mut strides = [0; 4];
        let mut elements = 1;
        for (stride, &extent) in strides.iter_mut().rev().zip(addend.extents().iter().rev()) {
            if extent > 1 {
                *stride = elements;
            }
            elements *= extent;
        }
        strides
    }
}

op!(Attention: AttentionInputs<()> => Output, AttentionGeometry::output_shape);
