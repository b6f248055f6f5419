// Sums over the invocations of a workgroup of 256.

var<workgroup> sums_up_to: array<u32, 256>;

// The sum of the values of all invocations up to this one. All invocations of the workgroup call it together.
fn sum_up_to(lane: u32, value: u32) -> u32 {
    workgroupBarrier();
    sums_up_to[lane] = value;
    for (var reach = 1u; reach < 256u; reach *= 2u) {
        workgroupBarrier();
        let before = select(0u, sums_up_to[max(lane, reach) - reach], lane >= reach);
        workgroupBarrier();
        sums_up_to[lane] += before;
    }
    workgroupBarrier();
    return sums_up_to[lane];
}
