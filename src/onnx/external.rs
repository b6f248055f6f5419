//! Elements that a model keeps in files beside its own.

use std::collections::HashMap;
use std::io;
use std::path::{Component, Path};

use prost::bytes::Bytes;

use super::malformed;
use super::proto::TensorProto;
use crate::error::{Error, Result};

/// The files beside a model's, read as they are needed.
pub(super) struct External<'a> {
    #[expect(clippy::type_complexity, reason = "a function that is asked for files")]
    read: Option<Box<dyn FnMut(&str) -> io::Result<Vec<u8>> + 'a>>,
    files: HashMap<String, Bytes>,
}

impl<'a> External<'a> {
    pub(super) fn new(read: impl FnMut(&str) -> io::Result<Vec<u8>> + 'a) -> Self {
        Self { read: Some(Box::new(read)), files: HashMap::new() }
    }

    /// No files.
    pub(super) fn none() -> Self {
        Self { read: None, files: HashMap::new() }
    }

    /// The bytes of a tensor that lies in another file. Nothing is copied.
    pub(super) fn read(&mut self, tensor: &TensorProto) -> Result<Bytes> {
        if tensor.data_location != 1 {
            return Err(malformed(format!("there is no data location {}", tensor.data_location)));
        }
        let entry =
            |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &entry.value[..]);
        let location = entry("location").ok_or_else(|| malformed("it lies in another file that is not named"))?;
        let Some(read) = &mut self.read else {
            let message =
                format!("it lies in another file, {location}: Model::open and Model::read_with read such models");
            return Err(Error::Unsupported(message));
        };
        // A model must not read what lies elsewhere.
        if !Path::new(location)
            .components()
            .all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
        {
            return Err(malformed(format!("it lies in {location}, which is not beside the model or below")));
        }
        let number = |key| {
            let Some(text) = entry(key) else { return Ok(None) };
            text.parse::<usize>().map(Some).map_err(|_| malformed(format!("{key} in {location} is {text}, no number")))
        };
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        if !self.files.contains_key(location) {
            let bytes = read(location).map_err(|error| malformed(format!("cannot read {location}: {error}")))?;
            self.files.insert(location.to_string(), bytes.into());
        }
        let bytes = &self.files[location];
        let end = offset.saturating_add(length.unwrap_or(bytes.len().saturating_sub(offset)));
        if offset > end || end > bytes.len() {
            return Err(malformed(format!("it ends at byte {end} of {location}, which has {}", bytes.len())));
        }
        Ok(bytes.slice(offset..end))
    }
}
