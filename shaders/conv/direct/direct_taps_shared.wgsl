// Windows whose taps lie as far apart as the pixels: a tap of a pixel is the next one of the pixel before, and loaded once.
const SHARED_TAPS = true;
