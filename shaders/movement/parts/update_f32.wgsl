// Elements that are floats, and what an update makes of one; movement/parts/update_i32.wgsl has integers. A replaced element is a word, whatever it is.

alias Number = f32;

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

// The smaller or the larger one; NaN, where one of them is.
fn extreme(value: f32, update: f32, smaller: bool) -> f32 {
    let takes = select(update > value, update < value, smaller) | is_nan(update);
    return select(value, update, takes & !is_nan(value));
}

fn updated(value: f32, update: f32, reduction: u32) -> f32 {
    if reduction == ADD {
        return value + update;
    }
    if reduction == MUL {
        return value * update;
    }
    return extreme(value, update, reduction == MIN);
}
