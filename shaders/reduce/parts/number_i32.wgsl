// Elements that are integers; reduce/parts/number_f32.wgsl has floats.

alias Number = i32;
