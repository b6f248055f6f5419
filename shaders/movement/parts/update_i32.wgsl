// Elements that are integers, or words that are replaced, and what an update makes of one; movement/parts/update_f32.wgsl has floats.

alias Number = i32;

fn updated(value: i32, update: i32, reduction: u32) -> i32 {
    if reduction == REPLACE {
        return update;
    }
    if reduction == ADD {
        return value + update;
    }
    if reduction == MUL {
        return value * update;
    }
    return select(max(value, update), min(value, update), reduction == MIN);
}
