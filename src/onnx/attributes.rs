//! Attributes of a node.

use std::collections::BTreeMap;

use super::element::ElementType;
use super::proto::{AttributeProto, attribute_type};
use super::{External, HostTensor, malformed};
use crate::error::{Error, Result};

/// The attributes of a node that have not been read.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes(BTreeMap<String, AttributeProto>);

impl Attributes {
    pub(super) fn new(attributes: impl IntoIterator<Item = AttributeProto>) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for attribute in attributes {
            if let Some(twice) = by_name.insert(attribute.name.clone(), attribute) {
                return Err(malformed(format!("it has two attributes {:?}", twice.name)));
            }
        }
        Ok(Self(by_name))
    }

    fn take(&mut self, name: &str, of_type: i32) -> Result<Option<AttributeProto>> {
        match self.0.remove(name) {
            Some(attribute) if ![attribute_type::UNDEFINED, of_type].contains(&attribute.r#type) => {
                let has = attribute.r#type;
                Err(malformed(format!("its attribute {name} is of type {has}; it needs type {of_type}")))
            }
            found => Ok(found),
        }
    }

    pub(super) fn int(&mut self, name: &str) -> Result<Option<i64>> {
        Ok(self.take(name, attribute_type::INT)?.map(|attribute| attribute.i))
    }

    /// An integer, `default` where it is absent.
    pub(super) fn int_or(&mut self, name: &str, default: i64) -> Result<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// 0 or 1.
    pub(super) fn flag(&mut self, name: &'static str, default: bool) -> Result<bool> {
        match self.int_or(name, default.into())? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Error::attribute(name, format!("{name} is {other}; only 0 and 1 are possible"))),
        }
    }

    pub(super) fn float(&mut self, name: &str) -> Result<Option<f32>> {
        Ok(self.take(name, attribute_type::FLOAT)?.map(|attribute| attribute.f))
    }

    /// A float, `default` where it is absent.
    pub(super) fn float_or(&mut self, name: &str, default: f32) -> Result<f32> {
        Ok(self.float(name)?.unwrap_or(default))
    }

    pub(super) fn ints(&mut self, name: &str) -> Result<Option<Vec<i64>>> {
        Ok(self.take(name, attribute_type::INTS)?.map(|attribute| attribute.ints))
    }

    pub(super) fn floats(&mut self, name: &str) -> Result<Option<Vec<f32>>> {
        Ok(self.take(name, attribute_type::FLOATS)?.map(|attribute| attribute.floats))
    }

    pub(super) fn string(&mut self, name: &str) -> Result<Option<String>> {
        let Some(attribute) = self.take(name, attribute_type::STRING)? else { return Ok(None) };
        let string = String::from_utf8(attribute.s);
        string.map(Some).map_err(|_| malformed(format!("its attribute {name} is no UTF-8")))
    }

    /// An element type by its number, `default` where it is absent.
    pub(super) fn element_or(&mut self, name: &str, default: ElementType) -> Result<ElementType> {
        match self.int(name)? {
            None => Ok(default),
            Some(number) => ElementType::read(i32::try_from(number).unwrap_or(-1)),
        }
    }

    /// A tensor of the file itself.
    pub(super) fn tensor(&mut self, name: &str) -> Result<Option<HostTensor>> {
        let Some(attribute) = self.take(name, attribute_type::TENSOR)? else { return Ok(None) };
        let tensor = attribute.t.ok_or_else(|| malformed(format!("its attribute {name} is absent")))?;
        HostTensor::read(&tensor, &mut External::none()).map(Some)
    }

    /// The tensor of a Constant.
    pub(super) fn constant(&mut self) -> Result<HostTensor> {
        if let Some(tensor) = self.tensor("value")? {
            return Ok(tensor);
        }
        if let Some(value) = self.float("value_float")? {
            return HostTensor::floats([], &[value]);
        }
        if let Some(floats) = self.floats("value_floats")? {
            return HostTensor::floats([floats.len() as u32], &floats);
        }
        if let Some(value) = self.int("value_int")? {
            return HostTensor::integers([], vec![value]);
        }
        if let Some(values) = self.ints("value_ints")? {
            return Ok(HostTensor::list(values));
        }
        Err(Error::Unsupported("it holds no tensor, float or integer".into()))
    }

    /// Refuses the attributes that are left: they may mean what nobody here knows.
    pub(super) fn finish(self) -> Result<()> {
        match self.0.keys().next() {
            Some(name) => Err(Error::Unsupported(format!("its attribute {name} is not known"))),
            None => Ok(()),
        }
    }
}
