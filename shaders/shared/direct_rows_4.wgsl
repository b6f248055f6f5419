// Groups of up to four output channels.
const ROWS = 4u;
