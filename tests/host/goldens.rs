//! The reference against what other systems computed.

use std::io::Write;
use std::path::Path;

use crate::support::case::{self, Verdict};
use crate::support::problem::Implementation;

#[test]
fn the_reference_agrees_with_other_systems() {
    let summary = pollster::block_on(case::judge_all(&case::folders(), Implementation::Reference));
    eprintln!("{summary}");
    assert_eq!(summary.failed, 0, "{summary}");
    assert!(summary.passed > 100, "{summary}");
}

/// Writes `bytes` as the one case of a folder, and judges it.
fn judge(file_name: &str, bytes: &[u8]) -> Vec<Verdict> {
    let folder = std::env::temp_dir().join(format!("pliant-{}-{file_name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::File::create(folder.join(file_name)).unwrap().write_all(bytes).unwrap();
    let cases = case::find(&folder).unwrap();
    let verdicts = cases.iter().map(|case| pollster::block_on(case.judge(Implementation::Reference))).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    verdicts
}

const TORCHVISION: &str = "torchvision-image1x1-k3x3-p11-f32";

fn golden(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens");
    std::fs::read(folder.join(name).with_extension("safetensors")).unwrap()
}

/// A golden with one of its attributes replaced.
fn altered(name: &str, from: &str, to: &str) -> Vec<u8> {
    let mut bytes = golden(name);
    assert_eq!(from.len(), to.len(), "the header keeps its length");
    let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("the golden has it");
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    bytes
}

#[test]
fn what_is_not_known_fails() {
    for (from, to) in [
        ("deform-conformance/1", "deform-conformance/9"),
        ("\"torchvision\"", "\"torchvisiom\""),
        ("\"deform_conv2d\"", "\"deform_conv9d\""),
        ("\"zeros\"", "\"zeroz\""),
        ("yx_per_tap", "xy_per_tap"),
    ] {
        let verdicts = judge("altered.safetensors", &altered(TORCHVISION, from, to));
        let [Verdict::Failed(why)] = &verdicts[..] else { panic!("{to}: {verdicts:?}") };
        assert!(why.ends_with("is not known"), "{to}: {why}");
    }
}

/// Whether or not the numbers agree under the other system's rules.
#[test]
fn a_wrong_dialect_fails() {
    for (name, from, to, why) in [
        ("openvino-v8-pad1-nomask", "\"openvino-8\"", "\"openvino-1\"", "border: ClampHi"),
        (TORCHVISION, "\"torchvision\"", "\"mmcv\"       ", "edge_derivative: Zero"),
        (TORCHVISION, "\"torchvision\"", "\"openvino-8\" ", "the dialect openvino-8 refuses it: bias"),
        (TORCHVISION, "\"torchvision\"", "\"mindspore\"  ", "the dialect mindspore refuses it: offset"),
        (
            "openvino-v1-same-upper-k2-s1",
            "\"auto_pad\":\"same_upper\"",
            "\"auto_pad\":\"same_lower\"",
            "padding: [1, 1, 0, 0]",
        ),
        (
            "ort-conv-same-lower-s1-k24",
            "\"auto_pad\":\"same_lower\"",
            "\"auto_pad\":\"same_upper\"",
            "padding: [0, 1, 1, 2]",
        ),
    ] {
        let verdicts = judge("dialect.safetensors", &altered(name, from, to));
        let [Verdict::Failed(found)] = &verdicts[..] else { panic!("{to}: {verdicts:?}") };
        assert!(found.contains(why), "{to}: {found}");
    }
}

#[test]
fn a_broken_file_fails() {
    assert!(matches!(judge("broken.safetensors", b"nothing")[..], [Verdict::Failed(_)]));
}

#[test]
fn a_wrong_number_fails() {
    let mut bytes = golden(TORCHVISION);
    let clean = judge("clean.safetensors", &bytes);
    assert!(matches!(clean[..], [Verdict::Passed]), "{clean:?}");

    let (header, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let output = metadata.info("expect.output").unwrap().data_offsets;
    // The highest byte of the last element: its sign and exponent.
    bytes[8 + header + output.1 - 1] ^= 0x41;
    let verdicts = judge("wrong.safetensors", &bytes);
    assert!(matches!(verdicts[..], [Verdict::Failed(_)]), "{verdicts:?}");
}

#[test]
fn what_need_not_be_refused_fails_as_a_reject() {
    let entry = r#"[{"op": "deform_conv2d", "reason": "none", "input": [1, 2, 4, 4], "weight": [2, 2, 3, 3],
        "offset": [1, 18, 2, 2], "mask": null, "bias": null, "strides": [1, 1], "pads": [0, 0, 0, 0],
        "dilations": [1, 1], "groups": 1, "offset_groups": 1}]"#;
    let verdicts = judge("rejects.json", entry.as_bytes());
    assert!(matches!(verdicts[..], [Verdict::Failed(_)]), "{verdicts:?}");
}
