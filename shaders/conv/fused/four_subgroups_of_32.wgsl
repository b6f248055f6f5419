// Four subgroups of 32 invocations each, where a device has no others.
const LANES = 128u;
