// The points of Winograd's convolution F(4 x 4, 3 x 3): 0, 3/4, -3/4, 3/2, -3/2 and infinity.
//
// An output tile of 4 x 4 pixels is A (sum over channels of (G g) * (B d)), where d are the 6 x 6 input pixels under it, g the 3 x 3 taps of a
// channel, and A, B and G are done along both axes: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016. Elements of
// tiles of 6 x 6 are numbered column by column. The points 1 and 2 give twice the error; all of these, and their powers, are exact.
const P = 0.75;
const Q = 1.5;
const PP = P * P;
const QQ = Q * Q;

// Tiles that follow one another in invocations, so that they share lines of a cache.
const TILES_TOGETHER = 8u;

// Six elements of a tile side by side, of four channels.
struct Six {
    v0: vec4<f32>,
    v1: vec4<f32>,
    v2: vec4<f32>,
    v3: vec4<f32>,
    v4: vec4<f32>,
    v5: vec4<f32>,
}
