// Groups of one output channel.
const ROWS = 1u;
