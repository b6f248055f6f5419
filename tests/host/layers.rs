//! Who may import whom: see ARCHITECTURE.md.

use std::path::{Path, PathBuf};

/// Each module of the crate, and those it may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("dtype", &["error"]),
    ("shape", &["error"]),
    ("signature", &[]),
    ("guide", &[]),
    ("geometry", &["error", "shape", "dtype"]),
    ("reference", &["error", "shape", "geometry", "nn"]),
    ("gpu", &["error", "shape", "dtype", "geometry"]),
    ("kernels", &["error", "shape", "dtype", "geometry", "gpu"]),
    ("ops", &["error", "shape", "dtype", "geometry", "gpu", "kernels"]),
    ("nn", &["error", "shape", "dtype", "signature", "geometry", "gpu", "kernels", "ops"]),
    ("dialect", &["error", "shape", "dtype", "geometry", "gpu", "ops"]),
    ("onnx", &["error", "shape", "dtype", "signature", "geometry", "gpu", "ops", "dialect", "reference"]),
];

pub(crate) fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
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
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        for path in line.split("crate::").skip(1) {
            let used: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // What begins with a capital is re-exported at the root, and so is a list of such.
            let module_used = used.starts_with(|c: char| c.is_lowercase());
            if module_used && used != module && !may_use.contains(&used.as_str()) {
                breaches.push(format!("{module} uses {used}: {line}"));
            }
        }
        if module != "gpu" && line.contains("wgpu::") {
            breaches.push(format!("{module} speaks to wgpu: {line}"));
        }
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
    assert!(!breaches("geometry", "fn f(gpu: &crate::gpu::Gpu) -> crate::error::Result<()> {").is_empty());
    assert!(!breaches("ops", "let x: wgpu::Buffer = y;").is_empty());
    assert!(!breaches("elsewhere", "").is_empty());
    assert!(breaches("ops", "use crate::kernels::border;").is_empty());
}

/// The families of ops, which have a folder each in `src/ops`, `src/kernels` and `shaders`.
const FAMILIES: &[&str] = &["conv", "elementwise", "matmul", "movement", "points", "reduce", "roi", "sample", "train"];

#[test]
fn ops_kernels_and_shaders_have_the_same_families() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (folder, shared) in [("src/ops", "plan"), ("src/kernels", ""), ("shaders", "shared")] {
        let entries = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let folders = entries.filter(|path| path.is_dir());
        let mut names: Vec<_> = folders.map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect();
        names.retain(|name| name != shared);
        names.sort();
        assert_eq!(names, FAMILIES, "{folder}");
    }
}

#[test]
fn the_readme_has_at_most_150_lines() {
    let readme = include_str!("../../README.md");
    assert!(readme.lines().count() <= 150, "README.md has {} lines", readme.lines().count());
}

#[test]
fn no_folder_holds_more_than_fifteen_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src"), root.join("shaders")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
        let (inner, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        assert!(files.len() <= 15, "{} holds {} files", folder.display(), files.len());
        folders.extend(inner);
    }
}
