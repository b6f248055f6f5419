// An axis of the output of a copy. Neighbours lie `stride` apart in the source, in two's complement. An axis that leaves the source walks along
// source_extent of its elements, index 0 at position `first`, in two's complement.
//
// The struct takes a multiple of 16 bytes, so that a uniform may hold it.

struct CopyAxis {
    extent: u32,
    stride: u32,
    first: u32,
    source_extent: u32,
}
