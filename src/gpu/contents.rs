//! The history of a tensor's elements: whether work that writes them was submitted, and whether the host is reading them in place.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lock;
use crate::error::{Error, Result};

/// State that the clones of a tensor share, where its buffer is pliant's.
#[derive(Debug)]
pub(crate) struct Contents {
    /// A recording writes the elements.
    recorded: AtomicBool,
    /// Whether the elements were uploaded, or a recording that writes them was submitted or encoded.
    written: AtomicBool,
    read_back: Mutex<ReadBack>,
}

/// How a consuming download reads.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadBack {
    /// A copy. wgpu may complete a mapping that was given up at the next one's request, before the work between the two has run: a buffer
    /// with such a mapping is never mapped again.
    Copy,
    /// The buffer itself, mapped.
    Map,
    /// The buffer, which a download has mapped or has asked to be mapped.
    Mapping,
}

impl Contents {
    pub(super) fn new(mappable: bool) -> Self {
        let read_back = Mutex::new(if mappable { ReadBack::Map } else { ReadBack::Copy });
        Self { recorded: AtomicBool::new(false), written: AtomicBool::new(false), read_back }
    }

    /// Notes that a recording writes the elements, and says whether that remains to be submitted first of all.
    pub(super) fn record(&self) -> bool {
        self.recorded.store(true, Ordering::Release);
        !self.written.load(Ordering::Acquire)
    }

    /// Notes that the elements were uploaded, or that work that writes them was submitted or encoded.
    pub(super) fn write(&self) {
        self.written.store(true, Ordering::Release);
    }

    /// Refuses elements that recordings write, none of which was submitted.
    pub(super) fn check(&self) -> Result<()> {
        if self.recorded.load(Ordering::Acquire) && !self.written.load(Ordering::Acquire) {
            let message = "nothing that writes the tensor was submitted: it was recorded, and neither Recorder::submit nor \
                           Recorder::encode was called";
            return Err(Error::NotSubmitted(message.to_string()));
        }
        Ok(())
    }

    /// How a consuming download that begins now reads; one at a time maps the buffer.
    pub(super) fn begin_read_back(&self) -> ReadBack {
        let mut read_back = lock(&self.read_back);
        let now = *read_back;
        if matches!(now, ReadBack::Map) {
            *read_back = ReadBack::Mapping;
        }
        now
    }

    /// Ends a consuming download that mapped the buffer.
    pub(super) fn end_read_back(&self, next: ReadBack) {
        *lock(&self.read_back) = next;
    }
}
