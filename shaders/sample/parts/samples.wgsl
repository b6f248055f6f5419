// Samples of a strip of output pixels, as the backward pass keeps them. Sample (offset_group, row), row = pixel * taps + tap, pixels
// counted over the strip, is element offset_group * rows + row of
//
// cells    the cell that it lies in: (low_y + 1) * (width + 1) + low_x + 1 in its image, where (low_y, low_x) is the neighbour above and
//          left of it, from -1 on; or NOWHERE
// samples  fraction by y, fraction by x, mask, all three as bits; then its follower, the row of the sample that follows it in the chain of its
//          cell, or NOWHERE, once the sample is chained
//
// Along an axis on which a sample is clamped its fraction is 0.

// The cell of what lies outside, and what follows the last sample of a cell.
const NOWHERE = 0xffffffffu;

// The bit of a cell's head that says that the cell has too many samples for one invocation.
const LONG_BIT = 0x80000000u;
