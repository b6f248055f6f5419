//! Which family of kernels does a convolution.

pub(super) mod im2col;
pub(super) mod im2col_backward;

/// A family of kernels for a convolution. The choice follows from the device and the geometry; tests and benchmarks force it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Strategy {
    /// Channels last, columns in strips of output pixels, a matrix product for each strip. Works on every device.
    Im2col,
}

impl Strategy {
    /// Every strategy there is.
    pub const ALL: &'static [Self] = &[Self::Im2col];

    /// Its name in benchmarks and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Im2col => "im2col",
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
