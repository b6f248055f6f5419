// Windows of any stride and dilation: every tap of every pixel is loaded.
const SHARED_TAPS = false;
