// Functions of elements one by one.

alias Elements = f32;

fn of_elements(x: Elements) -> Elements {
    return function(x);
}
