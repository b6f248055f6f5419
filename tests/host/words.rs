//! Wording of doc comments: the first sentence of each says, standing alone, what its item is or does.

use std::path::{Path, PathBuf};

use crate::layers::sources;

/// Words that refer to something outside the sentence that they begin.
const REFERRING: &[&str] = &["Those", "That", "What", "It", "They", "The same"];

/// The folders that are checked.
const FOLDERS: &[&str] = &[
    "src",
    "tests",
    "examples",
    "benches/gpu_shaders",
    "pliant-burn/src",
    "pliant-burn/tests",
    "pliant-burn/examples",
];

/// The first lines of doc comments that begin with a word that refers to something else, by number.
fn referring(text: &str) -> Vec<String> {
    let mut before = None;
    let mut found = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        let kind = ["///", "//!"].into_iter().find(|kind| line.starts_with(kind));
        if let Some(kind) = kind.filter(|_| kind != before) {
            let sentence = line[kind.len()..].trim_start();
            let begins = |word: &&str| {
                sentence.strip_prefix(*word).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()))
            };
            if REFERRING.iter().any(begins) {
                found.push(format!("{}: {line}", index + 1));
            }
        }
        before = kind;
    }
    found
}

#[test]
fn doc_comments_stand_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<PathBuf> = Vec::new();
    FOLDERS.iter().for_each(|folder| sources(&root.join(folder), &mut files));
    let mut faults = Vec::new();
    for file in files {
        let relative = file.strip_prefix(root).unwrap();
        let found = referring(&std::fs::read_to_string(&file).unwrap());
        faults.extend(found.into_iter().map(|line| format!("{}:{line}", relative.display())));
    }
    assert!(faults.is_empty(), "doc comments that do not stand alone:\n{}", faults.join("\n"));
}

#[test]
fn a_comment_that_refers_to_another_is_found() {
    assert_eq!(referring("/// What it is.\nstruct A;").len(), 1);
    assert_eq!(referring("    /// The same with more.\n    fn f() {}").len(), 1);
    assert_eq!(referring("//! It.\n\n/// That.").len(), 2);
    assert!(referring("/// Items of a list.\n/// It is short.\nstruct A;").is_empty());
    assert!(referring("/// The samest.\n// What is here.\nlet it = 1;").is_empty());
}
