//! The filter bank of the convolution under a lens: its weights, and how its output becomes a picture.

/// Rows and columns of every kernel.
pub const KERNEL: u32 = 3;

/// A few output channels that make one picture.
pub struct Filter {
    pub name: &'static str,
    /// Effect of the filter, in a few words.
    pub effect: &'static str,
    channels: &'static [Channel],
}

/// One output channel: a kernel over a mixture of the photo's colours.
struct Channel {
    colours: [f32; 3],
    kernel: [f32; 9],
    bias: f32,
}

/// All filters, in the order of their output channels.
pub const FILTERS: [Filter; 5] = [
    Filter {
        name: "lens",
        effect: "one tap, unfiltered",
        channels: &each_colour([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]),
    },
    Filter {
        name: "smooth",
        effect: "mean of nine taps",
        channels: &each_colour([0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625]),
    },
    Filter {
        name: "sharpen",
        effect: "details raised",
        channels: &each_colour([0.0, -0.5, 0.0, -0.5, 3.0, -0.5, 0.0, -0.5, 0.0]),
    },
    Filter {
        name: "edges",
        effect: "hue is direction",
        channels: &[
            Channel::grey([-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0], 0.0),
            Channel::grey([-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0], 0.0),
        ],
    },
    Filter {
        name: "emboss",
        effect: "slope as relief",
        channels: &[Channel::grey([-1.0, -1.0, 0.0, -1.0, 0.0, 1.0, 0.0, 1.0, 1.0], 0.5)],
    },
];

/// The output channels of all filters together.
pub fn out_channels() -> u32 {
    FILTERS.iter().map(Filter::out_channels).sum()
}

/// One kernel applied to red, green and blue separately.
const fn each_colour(kernel: [f32; 9]) -> [Channel; 3] {
    [
        Channel { colours: [1.0, 0.0, 0.0], kernel, bias: 0.0 },
        Channel { colours: [0.0, 1.0, 0.0], kernel, bias: 0.0 },
        Channel { colours: [0.0, 0.0, 1.0], kernel, bias: 0.0 },
    ]
}

impl Channel {
    const fn grey(kernel: [f32; 9], bias: f32) -> Self {
        Self { colours: [0.299, 0.587, 0.114], kernel, bias }
    }
}

impl Filter {
    /// The number of output channels.
    pub fn out_channels(&self) -> u32 {
        self.channels.len() as u32
    }

    /// (out_channels, 3, 3, 3)
    pub fn weight(&self) -> Vec<f32> {
        let rows = self.channels.iter().flat_map(|channel| channel.colours.map(|colour| (colour, channel.kernel)));
        rows.flat_map(|(colour, kernel)| kernel.map(|tap| colour * tap)).collect()
    }

    /// (out_channels)
    pub fn bias(&self) -> Vec<f32> {
        self.channels.iter().map(|channel| channel.bias).collect()
    }

    /// The colours of the pixels of this filter's output channels: three are a colour photo, two a gradient, one is grey.
    pub fn colours(&self, output: &[f32]) -> impl Iterator<Item = [u8; 3]> {
        let pixels = output.len() / self.channels.len();
        (0..pixels).map(move |pixel| {
            let channel = |index: usize| output[index * pixels + pixel];
            let colour = match self.channels.len() {
                3 => [0, 1, 2].map(channel),
                2 => gradient_colour(channel(0), channel(1)),
                _ => [channel(0); 3],
            };
            colour.map(|value| (value * 255.0).round() as u8)
        })
    }
}

/// The direction of a gradient as a hue, its length as brightness.
fn gradient_colour(along_x: f32, along_y: f32) -> [f32; 3] {
    let (length, angle) = (along_x.hypot(along_y), along_y.atan2(along_x));
    [0.0, 1.0, 2.0].map(|third| length * (0.55 + 0.45 * (angle - third * std::f32::consts::TAU / 3.0).cos()))
}
