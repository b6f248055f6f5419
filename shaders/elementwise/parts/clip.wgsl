// A number between two bounds; NaN stays.

fn clip(x: f32, least: f32, most: f32) -> f32 {
    let raised = select(x, least, x < least);
    return select(raised, most, raised > most);
}
