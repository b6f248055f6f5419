//! Files that results go to: known to be writable before the work begins, and named once they are written.

use std::fs::{self, OpenOptions};
use std::path::Path;

use image::RgbImage;

use crate::Failure;

/// Makes the directory if it is not there, and finds out whether files of these names can be written there.
pub fn directory(directory: &Path, names: &[impl AsRef<Path>]) -> Result<(), Failure> {
    fs::create_dir_all(directory)
        .map_err(|error| format!("cannot make the directory {}: {error}", directory.display()))?;
    names.iter().try_for_each(|name| file(&directory.join(name)))
}

/// Finds out whether the file can be written, and leaves what it holds.
pub fn file(file: &Path) -> Result<(), Failure> {
    let found = file.symlink_metadata().is_ok();
    let opened = OpenOptions::new().append(true).create(true).open(file);
    opened.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    if !found {
        fs::remove_file(file)?;
    }
    Ok(())
}

/// The refusal of a file whose ending is none of those that `what` has.
pub fn wrong_ending(file: &Path, what: &str, endings: &str) -> String {
    let ending = file.extension().map_or("none".into(), |ending| format!(".{}", ending.display()));
    format!("cannot write {}: {what}'s ending is {endings}, not {ending}", file.display())
}

/// Writes a picture.
pub fn save(picture: &RgbImage, file: &Path) -> Result<(), Failure> {
    picture.save(file).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
    Ok(())
}
