//! `onnx --explain`: what was fused, and what was left and why.

use pliant::onnx::{Fusion, Rule};

/// Groups of at most so many nodes are listed by name.
const FEW: usize = 4;

/// How much is told of what was fused: types of nodes with counts, and names where they are few; or the names of all nodes.
#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
pub(super) enum Explain {
    Types,
    Nodes,
}

/// Nodes of one type that a rule fused, or left for one reason.
struct Group<'a> {
    operator: &'a str,
    refusal: Option<&'a str>,
    names: Vec<&'a str>,
}

impl Explain {
    /// Prints what each rule fused, and what it left and why.
    pub(super) fn print(self, fusions: &[Fusion]) {
        for rule in Rule::ALL {
            let (mut fused, mut left) = (Vec::new(), Vec::new());
            for Group { operator, refusal, names } in groups(fusions.iter().filter(|fusion| fusion.rule == *rule)) {
                let listed = self == Self::Nodes || names.len() <= FEW;
                let names_of = if listed { format!(" ({})", names.join(", ")) } else { String::new() };
                let nodes = format!("{} {operator}{names_of}", names.len());
                match refusal {
                    None => fused.push(nodes),
                    Some(why) => left.push(format!("    left {nodes}: {why}")),
                }
            }
            let fused = if fused.is_empty() { "nothing".into() } else { fused.join(", ") };
            println!("{rule:<18} fused {fused}");
            left.iter().for_each(|line| println!("{line}"));
        }
    }
}

/// The fusions by type of node and reason, in the order in which these first appear.
fn groups<'a>(fusions: impl Iterator<Item = &'a Fusion>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for Fusion { place, refusal, .. } in fusions {
        let (name, operator) = place.rsplit_once(" of type ").unwrap_or((place, ""));
        let (name, refusal) = (name.strip_prefix("node ").unwrap_or(name), refusal.as_deref());
        match groups.iter_mut().find(|group| (group.operator, group.refusal) == (operator, refusal)) {
            Some(group) => group.names.push(name),
            None => groups.push(Group { operator, refusal, names: vec![name] }),
        }
    }
    groups
}
