//! Guides: what a whole task takes, from gradients to tests. They are the files of the folder `docs`.
//!
//! | guide | tells |
//! | --- | --- |
//! | [`gradients`] | how to ask for gradients, where they are written, what is guaranteed about them |
//! | [`layers`] | layers with parameters that are learned, their files, and training steps |
//! | [`dialects`] | operations in the attributes of torchvision, OpenVINO, MindSpore, ONNX and mmcv |
//! | `onnx` | models in ONNX files, with the feature of that name; on pictures, with the feature `image` |
//! | `models` | published networks: how they are exported and run, how far they agree, time and memory; with the feature `onnx` |
//! | [`embedding`] | the application's own device, plans, threads, executors, browsers |
//! | [`numerics`] | accuracy, determinism, storage, strategies, limits |
//! | [`testing`] | tests, adapters, conformance, benchmarks |

/// A module for each file. Guides link to one another by names, which a file defines as files, for readers of the repository; what stands ahead of
/// a file makes them modules here, since the first definition counts.
macro_rules! guides {
    ($($(#[$attribute:meta])* $name:ident = $file:literal;)+) => {$(
        $(#[$attribute])*
        #[doc = "[gradients]: crate::guide::gradients"]
        #[doc = "[layers]: crate::guide::layers"]
        #[doc = "[dialects]: crate::guide::dialects"]
        #[cfg_attr(feature = "onnx", doc = "[onnx]: crate::guide::onnx")]
        #[cfg_attr(feature = "onnx", doc = "[models]: crate::guide::models")]
        #[doc = "[embedding]: crate::guide::embedding"]
        #[doc = "[numerics]: crate::guide::numerics"]
        #[doc = "[testing]: crate::guide::testing"]
        #[doc = ""]
        #[doc = include_str!($file)]
        pub mod $name {}
    )+};
}

guides! {
    gradients = "../docs/gradients.md";
    layers = "../docs/layers.md";
    dialects = "../docs/dialects.md";
    #[cfg(feature = "onnx")]
    onnx = "../docs/onnx.md";
    #[cfg(feature = "onnx")]
    models = "../docs/models.md";
    embedding = "../docs/embedding.md";
    numerics = "../docs/numerics.md";
    testing = "../docs/testing.md";
}
