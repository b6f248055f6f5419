//! Pooling of regions of interest: the reference by hand, what is refused, and the rules of each dialect.

use approx::assert_abs_diff_eq;
use pliant::dialect::{mmcv, openvino, torchvision};
use pliant::geometry::*;
use pliant::*;
use pliant::{Error, Shape, reference};

/// (0, 0) counts 0, each column 1 more and each row 10 more.
fn ramp(height: u32, width: u32) -> Vec<f64> {
    (0..height * width).map(|pixel| f64::from(pixel / width * 10 + pixel % width)).collect()
}

fn roi_align(op: RoiAlign, input: [u32; 4], elements: &[f64], rois: &[[f64; 5]]) -> Vec<f64> {
    let shapes = RoiAlignInputs { input: input.into(), rois: [rois.len() as u32, 5].into() };
    let geometry = RoiAlignGeometry::new(&op, &shapes).unwrap();
    let rois = rois.concat();
    reference::roi_align(&geometry, &RoiAlignInputs { input: elements, rois: &rois }).unwrap().value
}

/// The largest neighbour times its weight; samples that do not count are 0, as are RoIs without samples.
#[test]
fn maxima_by_hand() {
    let op = RoiAlignMax { sampling_ratio: 1, ..RoiAlignMax::default() };
    let maximum = |op: RoiAlignMax, elements: [f64; 4], [x1, y1, x2, y2]: [f64; 4]| {
        let shapes = RoiAlignInputs { input: [1, 1, 2, 2].into(), rois: [1, 5].into() };
        let geometry = RoiAlignMaxGeometry::new(&op, &shapes).unwrap();
        let inputs = RoiAlignInputs { input: &elements[..], rois: &[0.0, x1, y1, x2, y2] };
        reference::roi_align_max(&geometry, &inputs).unwrap().value[0]
    };
    assert_eq!(maximum(op, [1.0, 2.0, 3.0, -4.0], [0.0, 0.0, 2.0, 2.0]), 0.75);
    assert_eq!(maximum(op, [-1.0; 4], [0.0, 0.0, 2.0, 2.0]), -0.25);
    // At a pixel, of which the neighbours have weight 0.
    assert_eq!(maximum(op, [-1.0; 4], [0.0, 0.0, 1.0, 1.0]), 0.0);
    let op = RoiAlignMax { sampling_ratio: 2, ..op };
    assert_eq!(maximum(op, [-1.0; 4], [0.0, 0.0, 2.0, 9.0]), 0.0);
    assert_eq!(maximum(op, [5.0; 4], [40.0, 40.0, 42.0, 42.0]), 0.0);
    assert!(maximum(op, [f64::NAN, 1.0, 1.0, 1.0], [0.0, 0.0, 2.0, 2.0]).is_nan());
}

#[test]
fn averages_of_a_ramp_are_its_values_in_the_middle() {
    let image = ramp(6, 7);
    let roi = [[0.0, 1.0, 2.0, 5.0, 4.0]];
    for sampling_ratio in [0, 1, 2, 5] {
        let op = RoiAlign { pooled: [1, 2], sampling_ratio, ..RoiAlign::default() };
        // From 0.5 to 4.5 by x, 1.5 to 3.5 by y.
        assert_abs_diff_eq!(roi_align(op, [1, 1, 6, 7], &image, &roi)[..], [26.5, 28.5], epsilon = 1e-12);
        let op = RoiAlign { aligned: false, ..op };
        assert_abs_diff_eq!(roi_align(op, [1, 1, 6, 7], &image, &roi)[..], [32.0, 34.0], epsilon = 1e-12);
        let op = RoiAlign { spatial_scale: 0.5, ..op };
        assert_abs_diff_eq!(roi_align(op, [1, 1, 6, 7], &image, &roi)[..], [16.0, 17.0], epsilon = 1e-12);
    }
}

/// Samples no further than 1 beyond the outermost pixels count as these; others count 0, and are averaged over.
#[test]
fn edges_of_align() {
    let at = |x: f64| {
        let op = RoiAlign { sampling_ratio: 1, ..RoiAlign::default() };
        roi_align(op, [1, 1, 1, 2], &[10.0, 20.0], &[[0.0, x, 0.0, x + 1.0, 1.0]])[0]
    };
    let positions = [-1.001, -1.0, -0.5, 0.25, 1.0, 1.5, 2.0, 2.001];
    assert_eq!(positions.map(at), [0.0, 10.0, 10.0, 12.5, 20.0, 20.0, 20.0, 0.0]);
    // At -2.25, -1.75, -1.25 and -0.75.
    let op = RoiAlign { sampling_ratio: 4, ..RoiAlign::default() };
    assert_eq!(roi_align(op, [1, 1, 1, 2], &[10.0, 20.0], &[[0.0, -2.0, 0.0, 0.0, 1.0]]), [2.5]);
}

#[test]
fn odd_regions() {
    let image = ramp(4, 4);
    let (nan, infinity) = (f64::NAN, f64::INFINITY);
    let whole = [0.0, 0.0, 0.0, 4.0, 4.0];
    let rois = [
        [0.0, nan, 0.0, 4.0, 4.0],
        [0.0, 0.0, -infinity, 4.0, infinity],
        [0.0, 0.0, 0.0, 4.0, 2e7],
        [0.0, 9.0, 9.0, 12.0, 12.0],
    ];
    for sampling_ratio in [0, 2] {
        for aligned in [false, true] {
            let op = RoiAlign { sampling_ratio, aligned, ..RoiAlign::default() };
            assert_eq!(roi_align(op, [1, 1, 4, 4], &image, &rois), [0.0; 4]);
        }
    }
    let shapes = DeformPsRoiPoolInputs { input: [1, 1, 4, 4].into(), rois: [4, 5].into(), offset: None };
    let geometry = DeformPsRoiPoolGeometry::new(&DeformPsRoiPool::default(), &shapes).unwrap();
    let inputs = DeformPsRoiPoolInputs { input: &image[..], rois: &rois.concat()[..], offset: None };
    assert_eq!(reference::deform_ps_roi_pool(&geometry, &inputs).unwrap().value, [0.0; 4]);
    // Reversed and empty: no pixels, but samples where their number is given.
    let rois = [[0.0, 3.0, 3.0, 1.0, 1.0], [0.0, 2.0, 2.0, 2.0, 2.0]];
    let fixed = RoiAlign { sampling_ratio: 3, ..RoiAlign::default() };
    assert_abs_diff_eq!(roi_align(fixed, [1, 1, 4, 4], &image, &rois)[..], [16.5, 16.5], epsilon = 1e-12);
    let adaptive = RoiAlign { sampling_ratio: 0, ..fixed };
    assert_eq!(roi_align(adaptive, [1, 1, 4, 4], &image, &rois), [0.0, 0.0]);
    // Enlarged to a pixel, from (3, 3) and from (2, 2) on.
    let enlarged = RoiAlign { aligned: false, ..adaptive };
    assert_abs_diff_eq!(roi_align(enlarged, [1, 1, 4, 4], &image, &rois)[..], [33.0, 27.5], epsilon = 1e-12);

    // The image is truncated; one that there is not is refused.
    let geometry = |batch: u32| {
        let shapes = RoiAlignInputs { input: [batch, 1, 4, 4].into(), rois: [1, 5].into() };
        RoiAlignGeometry::new(&RoiAlign::default(), &shapes).unwrap()
    };
    let pooled = |number: f64, batch: u32| {
        let mut roi = whole;
        roi[0] = number;
        let images = image.repeat(batch as usize);
        reference::roi_align(&geometry(batch), &RoiAlignInputs { input: &images[..], rois: &roi[..] })
    };
    assert_eq!(pooled(1.9, 2).unwrap(), pooled(0.0, 2).unwrap());
    assert_eq!(pooled(-0.9, 2).unwrap(), pooled(0.0, 2).unwrap());
    for (number, batch) in [(2.0, 2), (-1.0, 2), (nan, 2), (infinity, 2), (0.0, 0)] {
        let error = pooled(number, batch).unwrap_err();
        assert!(matches!(error, Error::Attribute { argument: "rois", .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("rois[0] names image {number}; the input has {batch}"));
    }
}

/// Every plane of the input holds its own number.
#[test]
fn each_bin_has_its_channel() {
    let planes = |channels: u32| (0..channels * 9).map(|pixel| f64::from(pixel / 9)).collect::<Vec<_>>();
    let op =
        RoiAlign { pooled: [2, 3], sampling_ratio: 1, channels: RoiChannels::PositionSensitive, ..RoiAlign::default() };
    let roi = [0.0, 0.0, 0.0, 3.0, 3.0];
    let pooled = roi_align(op, [1, 12, 3, 3], &planes(12), &[roi]);
    assert_eq!(pooled, (0..12).map(f64::from).collect::<Vec<_>>());

    // Three bins of two groups: 0, 0, 1.
    let op = DeformPsRoiPool { output_dim: 2, group_size: 2, pooled_size: 3, ..DeformPsRoiPool::default() };
    let shapes = DeformPsRoiPoolInputs { input: [1, 8, 3, 3].into(), rois: [1, 5].into(), offset: None };
    let geometry = DeformPsRoiPoolGeometry::new(&op, &shapes).unwrap();
    let (planes, roi) = (planes(8), [0.0, 0.0, 0.0, 2.0, 2.0]);
    let inputs = DeformPsRoiPoolInputs { input: &planes[..], rois: &roi[..], offset: None };
    let first = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 3.0];
    let expected = [first, first.map(|number| number + 4.0)].concat();
    assert_eq!(reference::deform_ps_roi_pool(&geometry, &inputs).unwrap().value, expected);
}

/// One row 10, 20, 40; a RoI of the pixels from `x1` to `x2`, both rounded.
#[test]
fn position_sensitive_by_hand() {
    let pooled = |x1: f64, x2: f64, bins: u32, offset: f64| {
        let op = DeformPsRoiPool { spatial_bins: [1, bins], trans_std: 1.0, ..DeformPsRoiPool::default() };
        let shapes = DeformPsRoiPoolInputs {
            input: [1, 1, 1, 3].into(),
            rois: [1, 5].into(),
            offset: Some([1, 2, 1, 1].into()),
        };
        let geometry = DeformPsRoiPoolGeometry::new(&op, &shapes).unwrap();
        let (rois, offset) = ([0.0, x1, 0.0, x2, 0.0], [offset, 0.0]);
        let inputs =
            DeformPsRoiPoolInputs { input: &[10.0, 20.0, 40.0][..], rois: &rois[..], offset: Some(&offset[..]) };
        let gradients = reference::deform_ps_roi_pool_backward(&geometry, &inputs, &[1.0]).unwrap();
        let value = reference::deform_ps_roi_pool(&geometry, &inputs).unwrap().value[0];
        (value, gradients.input.unwrap().value, gradients.offset.unwrap().value)
    };
    // From -0.5, clamped, and 0: whole numbers, along which there is no derivative.
    assert_eq!(pooled(0.4, -0.4, 2, 0.0), (10.0, vec![1.0, 0.0, 0.0], vec![0.0, 0.0]));
    // Half of a RoI of one pixel further: 0 and 0.5.
    assert_eq!(pooled(0.0, 0.0, 2, 0.5), (12.5, vec![0.75, 0.25, 0.0], vec![5.0, 0.0]));
    // 1.5 and 2.5, which is clamped to 2; then 2 and 3, of which the latter is skipped; then none.
    assert_eq!(pooled(2.0, 3.0, 2, 0.0), (35.0, vec![0.0, 0.25, 0.75], vec![20.0, 0.0]));
    assert_eq!(pooled(2.0, 3.0, 2, 0.25), (40.0, vec![0.0, 0.0, 1.0], vec![0.0, 0.0]));
    assert_eq!(pooled(2.0, 3.0, 2, 2.0), (0.0, vec![0.0; 3], vec![0.0, 0.0]));
    // Ties go away from 0: from 0.5 to 2.5, and from -1.5 on.
    assert_eq!(pooled(0.5, 1.5, 1, 0.0).0, 15.0);
    assert_eq!(pooled(-0.5, 0.0, 1, 0.0).0, 0.0);
    // Reversed: 0.1 wide.
    assert_eq!(pooled(2.0, 0.0, 1, 0.0).0, 30.0);
    assert_eq!(pooled(2.0, 0.0, 1, f64::NAN), (0.0, vec![0.0; 3], vec![0.0, 0.0]));
}

/// mmcv's gradient of the offset, and the derivative, where samples are clamped.
#[test]
fn two_gradients_of_the_offset() {
    let shapes =
        DeformRoiPoolInputs { input: [1, 1, 2, 2].into(), rois: [1, 5].into(), offset: Some([1, 2, 2, 2].into()) };
    let inputs = DeformRoiPoolInputs {
        input: &[1.0, 2.0, 3.0, 4.0][..],
        rois: &[0.0, 0.0, 0.0, 1.0, 1.0][..],
        offset: Some(&[0.0; 8][..]),
    };
    for (offset_gradient, expected) in [
        (OffsetGradient::Exact, [0.0, 0.1, 0.0, 0.1, 0.0, 0.0, 0.2, 0.2]),
        (OffsetGradient::Mmcv, [0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]),
    ] {
        let op = DeformRoiPool { pooled: [2; 2], sampling_ratio: 2, offset_gradient, ..DeformRoiPool::default() };
        let geometry = DeformRoiPoolGeometry::new(&op, &shapes).unwrap();
        let gradients = reference::deform_roi_pool_backward(&geometry, &inputs, &[1.0; 4]).unwrap();
        assert_abs_diff_eq!(gradients.offset.unwrap().value[..], expected, epsilon = 1e-8);
    }
}

fn ps_shapes() -> DeformPsRoiPoolInputs<Shape> {
    DeformPsRoiPoolInputs { input: [2, 24, 5, 7].into(), rois: [9, 5].into(), offset: Some([9, 6, 4, 4].into()) }
}

#[test]
fn refused() {
    fn message<T: std::fmt::Debug>(result: pliant::Result<T>) -> String {
        result.unwrap_err().to_string()
    }
    let shapes = RoiAlignInputs { input: [2, 12, 5, 7].into(), rois: [9, 5].into() };
    let align = |op: RoiAlign| message(RoiAlignGeometry::new(&op, &shapes));
    let op = RoiAlign::default();
    assert_eq!(align(RoiAlign { pooled: [0, 1], ..op }), "pooled is 0; at least 1 is needed");
    assert_eq!(align(RoiAlign { pooled: [1, 65536], ..op }), "pooled is 65536; at most 65535 is possible");
    assert_eq!(align(RoiAlign { sampling_ratio: 16385, ..op }), "sampling_ratio is 16385; at most 16384 is possible");
    for spatial_scale in [0.0, -0.5, f32::NAN, f32::INFINITY] {
        let expected = format!("spatial_scale is {spatial_scale}; a number above 0 is needed");
        assert_eq!(align(RoiAlign { spatial_scale, ..op }), expected);
    }
    let channels = RoiChannels::PositionSensitive;
    assert_eq!(
        align(RoiAlign { pooled: [2, 5], channels, ..op }),
        "input has 12 channels; whole output channels of one for each bin need 20"
    );
    let shaped = |shapes| message(RoiAlignGeometry::new(&op, &shapes));
    assert_eq!(
        shaped(RoiAlignInputs { rois: [9, 4].into(), ..shapes }),
        "rois has 4 numbers; image, x1, y1, x2 and y2 need 5"
    );
    assert_eq!(shaped(RoiAlignInputs { rois: [9].into(), ..shapes }), "rois (9) has 1 axes; it needs 2: rois, numbers");
    assert_eq!(
        shaped(RoiAlignInputs { rois: [1 << 29, 5].into(), ..shapes }),
        "output (536870912x12x1x1) has 6442450944 elements; at most 4294967295 are possible"
    );

    let shapes =
        DeformRoiPoolInputs { input: [2, 12, 5, 7].into(), rois: [9, 5].into(), offset: Some([9, 2, 3, 2].into()) };
    let op = DeformRoiPool { pooled: [3, 2], ..DeformRoiPool::default() };
    assert_eq!(DeformRoiPoolGeometry::new(&op, &shapes).unwrap().output_shape(), [9, 12, 3, 2].into());
    let with = |extents: [u32; 4]| DeformRoiPoolInputs { offset: Some(extents.into()), ..shapes };
    for (extents, expected) in [
        ([8, 2, 3, 2], "offset has 8 rois; rois has 9"),
        ([9, 4, 3, 2], "offset has 4 planes; x and y need 2"),
        ([9, 2, 2, 2], "offset has 2 rows; its grid has 3"),
        ([9, 2, 3, 3], "offset has 3 columns; its grid has 2"),
    ] {
        assert_eq!(message(DeformRoiPoolGeometry::new(&op, &with(extents))), expected);
    }
    let gamma = DeformRoiPool { gamma: f32::NAN, ..op };
    let expected = "gamma is NaN; a number between -65536 and 65536 is needed";
    assert_eq!(message(DeformRoiPoolGeometry::new(&gamma, &shapes)), expected);

    let op =
        DeformPsRoiPool { output_dim: 6, group_size: 2, pooled_size: 3, part_size: 4, ..DeformPsRoiPool::default() };
    assert_eq!(DeformPsRoiPoolGeometry::new(&op, &ps_shapes()).unwrap().output_shape(), [9, 6, 3, 3].into());
    for (op, expected) in [
        (DeformPsRoiPool { output_dim: 0, ..op }, "output_dim is 0; at least 1 is needed"),
        (DeformPsRoiPool { group_size: 3, ..op }, "input has 24 channels; output_dim 6 in groups of 3 x 3 needs 54"),
        (DeformPsRoiPool { part_size: 0, ..op }, "offset has 4 rows; its grid has 3"),
        (DeformPsRoiPool { spatial_bins: [1, 0], ..op }, "spatial_bins is 0; at least 1 is needed"),
        (
            DeformPsRoiPool { trans_std: 1e9, ..op },
            "trans_std is 1000000000; a number between -65536 and 65536 is needed",
        ),
    ] {
        assert_eq!(message(DeformPsRoiPoolGeometry::new(&op, &ps_shapes())), expected);
    }
    for (planes, expected) in [
        (5, "offset has 5 planes; x and y of each class need a multiple of 2"),
        (8, "offset has 8 planes, which makes 4 classes; they do not divide 6 output channels"),
    ] {
        let shapes = DeformPsRoiPoolInputs { offset: Some([9, planes, 4, 4].into()), ..ps_shapes() };
        assert_eq!(message(DeformPsRoiPoolGeometry::new(&op, &shapes)), expected);
    }
}

#[test]
fn each_system_has_its_own_rules() {
    let shapes = RoiAlignInputs { input: [2, 12, 5, 7].into(), rois: [9, 5].into() };
    let expected = RoiAlign { pooled: [2, 3], sampling_ratio: 0, ..RoiAlign::default() };
    let output_size = [2, 3];
    let op = torchvision::RoiAlign { output_size, ..Default::default() }.op(&shapes).unwrap();
    assert_eq!(op, RoiAlign { aligned: false, ..expected });
    let op = torchvision::PsRoiAlign { output_size, ..Default::default() }.op(&shapes).unwrap();
    assert_eq!(op, RoiAlign { channels: RoiChannels::PositionSensitive, ..expected });
    let op = mmcv::RoiAlign { output_size, ..Default::default() }.op(&shapes).unwrap();
    assert_eq!(op, expected);
    let error = mmcv::RoiAlign::default().op(&shapes).unwrap_err();
    assert_eq!(error.to_string(), "output_size is 0; at least 1 is needed");

    let shapes = DeformRoiPoolInputs { input: shapes.input, rois: shapes.rois, offset: None };
    let op = mmcv::DeformRoiPool { output_size, sampling_ratio: 2, ..Default::default() }.op(&shapes).unwrap();
    let expected = DeformRoiPool {
        pooled: [2, 3],
        sampling_ratio: 2,
        gamma: 0.1,
        offset_gradient: OffsetGradient::Mmcv,
        ..DeformRoiPool::default()
    };
    assert_eq!(op, expected);

    let attributes = openvino::DeformablePsRoiPooling1 {
        output_dim: 6,
        spatial_scale: 0.0625,
        group_size: 2,
        spatial_bins_x: 4,
        spatial_bins_y: 3,
        ..Default::default()
    };
    let expected = DeformPsRoiPool {
        output_dim: 6,
        spatial_scale: 0.0625,
        group_size: 2,
        pooled_size: 2,
        part_size: 4,
        spatial_bins: [3, 4],
        trans_std: 1.0,
    };
    assert_eq!(attributes.op(&ps_shapes()).unwrap(), expected);
    let plain = DeformPsRoiPoolInputs { offset: None, ..ps_shapes() };
    assert_eq!(attributes.op(&plain).unwrap(), DeformPsRoiPool { part_size: 1, ..expected });
    let error = openvino::DeformablePsRoiPooling1 { output_dim: 0, ..attributes }.op(&plain).unwrap_err();
    assert_eq!(error.to_string(), "output_dim is 0; at least 1 is needed");
}
