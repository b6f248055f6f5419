// Sums over the samples of bins that are small enough for one invocation, row by row: `Sums`, `of_none`,
// `row_of` and `with_sample` are the kernel's.

// Invocations that share a bin.
const LANES = 1u;

fn item_number(workgroup: u32, lane: u32) -> u32 {
    return 64u * workgroup + lane;
}

fn takes(bin: Bin) -> bool {
    return alone(bin);
}

fn sum_up(bin: Bin, plane: u32, lane: u32) -> Sums {
    var sums = of_none();
    for (var i = 0u; i < bin.samples.x; i++) {
        let row = row_of(bin, plane, i);
        var j = 0u;
        for (; j + 4u <= bin.samples.y; j += 4u) {
            sums = with_sample(sums, row, bin, j);
            sums = with_sample(sums, row, bin, j + 1u);
            sums = with_sample(sums, row, bin, j + 2u);
            sums = with_sample(sums, row, bin, j + 3u);
        }
        for (; j < bin.samples.y; j++) {
            sums = with_sample(sums, row, bin, j);
        }
    }
    return sums;
}
