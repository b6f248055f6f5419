// Pairs of sums over rows: reduce/parts/rows.wgsl.

var<workgroup> partial: array<vec2<f32>, 64>;

// The sums of what the lanes of a row have, by a tree. All of them get it.
fn row_sums(row: Row, mine: vec2<f32>) -> vec2<f32> {
    // What was there has been read.
    workgroupBarrier();
    partial[row.slot] = mine;
    var reach = 32u;
    loop {
        workgroupBarrier();
        if (row.slot < reach) & (reach >= params.rows.width) {
            partial[row.slot] += partial[row.slot + reach];
        }
        reach /= 2u;
        if reach == 0u {
            break;
        }
    }
    workgroupBarrier();
    return partial[row.place];
}
