// Sums over the samples of bins that are too large for one invocation: those of a workgroup take segments of four samples of a row in turn, and
// add up what they have in a fixed order. `Sums`, `of_none`, `together`, `row_of` and `with_sample` are the kernel's.

// Invocations that share a bin.
const LANES = 64u;

// The same for the whole workgroup, so that its barriers are in uniform control flow.
fn item_number(workgroup: u32, lane: u32) -> u32 {
    return workgroup;
}

var<workgroup> sums_of_lanes: array<Sums, 64>;

fn takes(bin: Bin) -> bool {
    let segments = bin.samples.x * ((bin.samples.y + 3u) / 4u);
    return !alone(bin) & (params.segment_first < segments);
}

// To be called by all invocations of a workgroup, for the same bin; what it gives counts in the first.
fn sum_up(bin: Bin, plane: u32, lane: u32) -> Sums {
    let in_row = (bin.samples.y + 3u) / 4u;
    let end = min(bin.samples.x * in_row, params.segment_first + params.segments);
    let last = bin.samples.y - 1u;
    var sums = of_none();
    for (var segment = params.segment_first + lane; segment < end; segment += LANES) {
        let at = divide(segment, in_row);
        let row = row_of(bin, plane, at.x);
        let j = 4u * at.y;
        sums = with_sample(sums, row, bin, j);
        sums = select(sums, with_sample(sums, row, bin, min(j + 1u, last)), j + 1u <= last);
        sums = select(sums, with_sample(sums, row, bin, min(j + 2u, last)), j + 2u <= last);
        sums = select(sums, with_sample(sums, row, bin, min(j + 3u, last)), j + 3u <= last);
    }
    // Those of the channel before have been read.
    workgroupBarrier();
    sums_of_lanes[lane] = sums;
    for (var reach = LANES / 2u; reach > 0u; reach /= 2u) {
        workgroupBarrier();
        if lane < reach {
            sums_of_lanes[lane] = together(sums_of_lanes[lane], sums_of_lanes[lane + reach]);
        }
    }
    return sums_of_lanes[lane];
}
