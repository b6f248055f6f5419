//! Geometries of problems drawn from bytes against their rules: the corpus of the fuzz target, and bytes at random.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::unchecked::{Drawn, Unchecked, check_geometry};

const OPS: [&str; 6] = ["BilinearSample", "Im2col", "DeformIm2col", "Matmul", "Conv2d", "DeformConv2d"];

/// The op that bytes draw, and whether its geometry took the problem; or what they drew, where a rule was broken.
fn replay(bytes: &[u8]) -> Result<(&'static str, bool), String> {
    let drawn = Drawn::arbitrary_take_rest(Unstructured::new(bytes)).unwrap();
    let op = match drawn.problem {
        Unchecked::BilinearSample(..) => 0,
        Unchecked::Im2col(..) => 1,
        Unchecked::DeformIm2col(..) => 2,
        Unchecked::Matmul(..) => 3,
        Unchecked::Conv2d(..) => 4,
        Unchecked::DeformConv2d(..) => 5,
    };
    match catch_unwind(|| check_geometry(&drawn)) {
        Ok(verdict) => Ok((OPS[op], verdict.is_ok())),
        Err(_) => Err(format!("{bytes:?} draw {drawn:?}")),
    }
}

#[test]
fn the_corpus_keeps_the_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/geometry");
    let mut tally: BTreeMap<_, u32> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let outcome = replay(&std::fs::read(&path).unwrap());
        let outcome = outcome.unwrap_or_else(|what| panic!("{}: {what}", path.display()));
        *tally.entry(outcome).or_default() += 1;
    }
    for op in OPS {
        for legal in [true, false] {
            assert!(tally.contains_key(&(op, legal)), "no {op} with legal = {legal} among {tally:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn drawn_bytes_keep_the_rules(bytes in vec(any::<u8>(), 0..160)) {
        replay(&bytes).map_err(TestCaseError::fail)?;
    }
}
