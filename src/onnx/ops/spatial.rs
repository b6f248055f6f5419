//! Pools and resized images.

use super::Entry;

pub(super) const OPERATORS: &[Entry] = &[];
