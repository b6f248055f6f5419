use crate::support::case;

#[test]
fn every_implementation_agrees_with_other_systems() {
    for implementation in crate::implementations(crate::gpu()) {
        let summary = pollster::block_on(case::judge_all(&case::folders(), implementation));
        eprintln!("{summary}");
        assert_eq!(summary.failed, 0, "{summary}");
        assert!(summary.passed > 100, "{summary}");
    }
}
