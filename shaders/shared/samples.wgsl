// Samples of a strip of output pixels, as the backward pass keeps them: where each lies, to be read by what it was taken from.
//
// samples  element offset_group * rows + row, row = pixel * taps + tap, pixels counted over the strip: the cell, bits of the
//          fractions by y and x, bits of the mask
//
// A cell is numbered (low_y + 1) * (width + 1) + low_x + 1 in its image, where (low_y, low_x) is the neighbour above and left of the
// sample, from -1 on. Along an axis on which a sample is clamped its fraction is 0.

// The cell of what lies outside.
const NOWHERE = 0xffffffffu;
