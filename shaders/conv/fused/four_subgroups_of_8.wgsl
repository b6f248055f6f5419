// Four subgroups of 8 invocations each, where a device has no others.
const LANES = 32u;
