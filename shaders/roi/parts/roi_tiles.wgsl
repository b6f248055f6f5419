// Images are cut into tiles of this many pixels either way; a workgroup does one.
const TILE = 8u;
