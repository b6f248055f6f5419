//! The comparison must fail where it should.

use crate::support::compare::Expected;

fn expected() -> Expected {
    Expected::within(vec![1.0, 2.0, f64::INFINITY, f64::NAN], 0.1, 0.0)
}

#[test]
fn what_is_within_the_tolerance_passes() {
    assert!(expected().compare(&[1.05, 2.0, f32::INFINITY, f32::NAN]).is_ok());
}

#[test]
fn what_is_not_fails() {
    for (actual, index) in [
        ([1.2, 2.0, f32::INFINITY, f32::NAN], 0),
        ([1.0, f32::NAN, f32::INFINITY, f32::NAN], 1),
        ([1.0, f32::INFINITY, f32::INFINITY, f32::NAN], 1),
        ([1.0, 2.0, f32::NEG_INFINITY, f32::NAN], 2),
        ([1.0, 2.0, 3.0, f32::NAN], 2),
        ([1.0, 2.0, f32::NAN, f32::NAN], 2),
        ([1.0, 2.0, f32::INFINITY, 0.0], 3),
    ] {
        let miss = expected().compare(&actual).expect_err("it should miss");
        assert_eq!((miss.index, miss.misses), (index, 1), "{actual:?}");
    }
}

#[test]
fn the_wrong_number_of_elements_fails() {
    assert!(expected().compare(&[1.0, 2.0]).is_err());
    assert!(expected().compare(&[]).is_err());
}

#[test]
fn the_worst_miss_is_told() {
    let expected = Expected::within(vec![0.0; 3], 1.0, 0.0);
    let miss = expected.compare(&[2.0, 5.0, 0.5]).expect_err("it should miss");
    assert_eq!((miss.index, miss.misses, miss.tolerances), (1, 2, 5.0));
}
