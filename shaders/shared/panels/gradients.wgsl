// Gradients of samples, in the planes of the tensors that they belong to: one dispatch does all bands and runs.
//
// grad_offset  the gradient of dy of sampling point `point` at the strip's pixel `p` of image `n` is element
//              y_first + n * offset_batch + point * offset_step + p; of dx likewise from x_first on
// grad_mask    likewise from mask_first on, by mask_batch and mask_step; in grad_offset where mask_in_offset is 1
//
// offset_stored and mask_stored say whether they are stored: not at all, in the place of what is there, or added to it.
@group(0) @binding(6) var<storage, read_write> grad_offset: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad_mask: array<f32>;

const LEFT = 0u;
const WRITTEN = 1u;
const ADDED = 2u;

fn gradients_before(sample: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn store_in_offset(at: u32, value: f32, stored: u32) {
    var held = 0.0;
    if stored == ADDED {
        held = grad_offset[at];
    }
    grad_offset[at] = held + value;
}

fn store_gradients(at: SampleIndex, value: vec4<f32>) {
    if params.offset_stored != LEFT {
        let in_offset = at.image * params.offset_batch + at.point * params.offset_step + at.pixel;
        store_in_offset(params.y_first + in_offset, value.x, params.offset_stored);
        store_in_offset(params.x_first + in_offset, value.y, params.offset_stored);
    }
    if params.mask_stored != LEFT {
        let in_mask = params.mask_first + at.image * params.mask_batch + at.point * params.mask_step + at.pixel;
        if params.mask_in_offset != 0u {
            store_in_offset(in_mask, value.z, params.mask_stored);
        } else {
            var held = 0.0;
            if params.mask_stored == ADDED {
                held = grad_mask[in_mask];
            }
            grad_mask[in_mask] = held + value.z;
        }
    }
}
