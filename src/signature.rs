//! Kinds of files by their first bytes, told where another kind was expected.

/// The kind of a file, if its first bytes tell it.
pub fn kind(bytes: &[u8]) -> Option<&'static str> {
    const KINDS: [(&[u8], &str); 13] = [
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"\x93NUMPY", "a NumPy array (.npy)"),
        (b"PK\x03\x04", "a ZIP archive, such as torch.save (.pt, .pth) and np.savez (.npz) write"),
        (b"\x80\x02", "a Python pickle, such as torch.save wrote in older versions"),
        (b"\x89HDF", "an HDF5 file, such as Keras writes"),
        (b"\x1f\x8b", "a gzip archive"),
        (b"GGUF", "a GGUF file"),
        (b"version https://git-lfs", "a Git LFS pointer: `git lfs pull` fetches the file itself"),
        (b"<!DOCTYPE", "a web page"),
        (b"<!doctype", "a web page"),
        (b"<html", "a web page"),
    ];
    if bytes.is_empty() {
        return Some("an empty file");
    }
    // The length of its header, then the header.
    if bytes.get(8..10) == Some(b"{\"") {
        return Some(SAFETENSORS);
    }
    let known = KINDS.iter().find(|(first, _)| bytes.starts_with(first)).map(|(_, kind)| *kind);
    known.or(is_text(bytes).then_some("text"))
}

/// Whether the first bytes are lines of text; a character at their end may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let first = &bytes[..bytes.len().min(256)];
    let (text, cut) = match std::str::from_utf8(first) {
        Ok(text) => (text, true),
        Err(error) => (std::str::from_utf8(&first[..error.valid_up_to()]).unwrap_or(""), error.error_len().is_none()),
    };
    cut && text.chars().all(|letter| !letter.is_control() || letter.is_whitespace())
}

/// [`kind`]'s name of a safetensors file.
pub const SAFETENSORS: &str = "a safetensors file";

/// The end of a refusal: what the file looks like, if that is not `expected`; else what is wrong, and whether part of it is missing.
pub fn why(bytes: &[u8], expected: &str, error: impl std::fmt::Display) -> String {
    match kind(bytes) {
        Some(kind) if kind != expected => format!("it looks like {kind}"),
        _ => format!("{error}; it has {} bytes: is it complete?", bytes.len()),
    }
}
