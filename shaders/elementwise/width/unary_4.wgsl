// Functions of four elements side by side.

alias Elements = vec4<f32>;

fn of_elements(x: Elements) -> Elements {
    return vec4<f32>(function(x.x), function(x.y), function(x.z), function(x.w));
}
