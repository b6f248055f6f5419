// Elements that are floats; reduce/parts/number_i32.wgsl has integers.

alias Number = f32;
