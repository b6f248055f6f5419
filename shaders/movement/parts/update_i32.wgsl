// Elements that are integers, or words that are replaced, and what an update makes of one; movement/parts/update_f32.wgsl has floats.

alias Number = i32;

fn updated(value: i32, update: i32, reduction: u32) -> i32 {
    switch reduction {
        case REPLACE: {
            return update;
        }
        case ADD: {
            return value + update;
        }
        case MUL: {
            return value * update;
        }
        case MIN: {
            return min(value, update);
        }
        default: {
            return max(value, update);
        }
    }
}
