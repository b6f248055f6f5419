//! Who may import whom: see ARCHITECTURE.md.

use std::path::{Path, PathBuf};

/// Each module of the crate, and those it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("dtype", &["error"]),
    ("shape", &["error"]),
    ("signature", &[]),
    ("geometry", &["error", "shape"]),
    ("reference", &["error", "shape", "geometry"]),
    ("gpu", &["error", "shape", "dtype", "geometry"]),
    ("kernels", &["error", "shape", "dtype", "geometry", "gpu"]),
    ("ops", &["error", "shape", "dtype", "geometry", "gpu", "kernels"]),
    ("nn", &["error", "shape", "dtype", "signature", "geometry", "gpu", "ops"]),
    ("dialect", &["error", "shape", "dtype", "geometry", "gpu", "ops"]),
    ("onnx", &["error", "shape", "dtype", "signature", "geometry", "gpu", "ops", "dialect"]),
];

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Breaches of the table in a file of `module`.
fn breaches(module: &str, text: &str) -> Vec<String> {
    let Some((_, may_use)) = MAY_USE.iter().find(|(name, _)| *name == module) else {
        return vec![format!("the module {module} has no place in the table")];
    };
    let mut breaches = Vec::new();
    for line in text.lines().map(str::trim) {
        let Some(path) = line.strip_prefix("use crate::").or(line.strip_prefix("pub use crate::")) else { continue };
        let used: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if used != module && !may_use.contains(&used.as_str()) {
            breaches.push(format!("{module} uses {used}: {line}"));
        }
    }
    if module != "gpu" {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        breaches
            .extend(code.filter(|line| line.contains("wgpu::")).map(|line| format!("{module} speaks to wgpu: {line}")));
    }
    breaches
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut checked = 0;
    for file in files {
        let relative = file.strip_prefix(&src).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let found = breaches(module, &std::fs::read_to_string(&file).unwrap());
        assert!(found.is_empty(), "{}: {found:?}", relative.display());
        checked += 1;
    }
    assert!(checked > MAY_USE.len(), "only {checked} files were checked");
}

#[test]
fn a_breach_is_found() {
    assert!(!breaches("geometry", "use crate::gpu::Gpu;").is_empty());
    assert!(!breaches("ops", "let x: wgpu::Buffer = y;").is_empty());
    assert!(!breaches("elsewhere", "").is_empty());
    assert!(breaches("ops", "use crate::kernels::border;").is_empty());
}
