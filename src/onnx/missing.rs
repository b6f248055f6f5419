//! Nodes that are not supported.

use crate::error::{Error, Result};

/// All nodes that are not supported, to be told at once.
#[derive(Default)]
pub(super) struct Missing {
    /// The type of some nodes, their fault, and their places.
    nodes: Vec<(String, String, Vec<String>)>,
}

impl Missing {
    /// The places that are listed of nodes with the same fault.
    const PLACES: usize = 4;

    pub(super) fn add(&mut self, op_type: &str, place: &str, message: String) {
        match self.nodes.iter_mut().find(|(of_type, fault, _)| of_type == op_type && *fault == message) {
            Some((_, _, places)) => places.push(place.into()),
            None => self.nodes.push((op_type.into(), message, vec![place.into()])),
        }
    }

    pub(super) fn finish(self) -> Result<()> {
        let all = self.nodes.into_iter().map(|(op_type, message, places)| match &places[..] {
            [place] => format!("{place}: {message}"),
            places => {
                let more = if places.len() > Self::PLACES { ", ..." } else { "" };
                let names = places.iter().take(Self::PLACES).map(|place| {
                    place
                        .strip_prefix("node ")
                        .and_then(|place| place.strip_suffix(&format!(" of type {op_type}")))
                        .unwrap_or(place)
                });
                let listed = names.collect::<Vec<_>>().join(", ");
                format!("{} nodes of type {op_type} ({listed}{more}): {message}", places.len())
            }
        });
        let all: Vec<_> = all.collect();
        if all.is_empty() { Ok(()) } else { Err(Error::Unsupported(all.join("; "))) }
    }
}
