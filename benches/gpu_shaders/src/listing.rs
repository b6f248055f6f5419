//! Machine code as LLVM lists it: its loops, and what their instructions do.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// The effect of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A multiplication with an addition, for each lane.
    MultiplyAdd,
    /// Any other computation for each lane.
    Vector,
    /// A computation for the whole wave.
    Scalar,
    /// A load for the whole wave.
    ScalarLoad,
    /// An access to workgroup memory.
    WorkgroupMemory,
    /// A load of so many bits for each lane.
    Load(u32),
    /// A store, or an atomic operation.
    Store,
    Branch,
    /// A wait for loads or for other invocations, or what makes their stores seen.
    Wait,
    /// A hint for the scheduler of instructions, which does nothing by itself.
    Hint,
}

/// How many instructions there are of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts(BTreeMap<Kind, u32>);

impl Counts {
    pub(crate) fn of(&self, kind: Kind) -> u32 {
        self.0.get(&kind).copied().unwrap_or(0)
    }

    /// All instructions but hints.
    pub(crate) fn instructions(&self) -> u32 {
        self.0.iter().filter(|(kind, _)| **kind != Kind::Hint).map(|(_, count)| count).sum()
    }

    /// The share of multiplications with additions in all instructions.
    pub(crate) fn share(&self) -> f64 {
        f64::from(self.of(Kind::MultiplyAdd)) / f64::from(self.instructions().max(1))
    }

    /// The loads by their bits, in ascending order.
    pub(crate) fn loads(&self) -> impl Iterator<Item = (u32, u32)> {
        self.0.iter().filter_map(|(kind, count)| if let Kind::Load(bits) = kind { Some((*bits, *count)) } else { None })
    }
}

/// An instruction, and the block that it branches to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Instruction {
    kind: Kind,
    target: Option<String>,
}

/// Instructions in their order, and where each block begins.
#[derive(Debug, Default)]
struct Code {
    instructions: Vec<Instruction>,
    blocks: BTreeMap<String, usize>,
}

/// The width of a load that is named `..._b128`, `..._dwordx4`, `..._u16`, ..., or of an image's components.
fn bits(name: &str, operation: &str) -> u32 {
    if let Some((_, mask)) = operation.split_once("dmask:0x") {
        return mask.chars().next().and_then(|digit| digit.to_digit(16)).map_or(32, |mask| 32 * mask.count_ones());
    }
    let suffix = name.rsplit('_').find(|part| !matches!(*part, "d16" | "hi" | "lds" | "tfe")).unwrap_or_default();
    match suffix {
        "dword" | "x" => 32,
        "dwordx2" | "xy" => 64,
        "dwordx3" | "xyz" => 96,
        "dwordx4" | "xyzw" => 128,
        "ubyte" | "sbyte" => 8,
        "ushort" | "sshort" | "short" => 16,
        other => other.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(32),
    }
}

fn kind(operation: &str) -> Kind {
    let name = operation.split_whitespace().next().unwrap_or_default();
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let multiply_adds = [
        "v_fma",
        "v_mac_",
        "v_mad_f",
        "v_mad_mix",
        "v_pk_fma",
        "v_dot",
        "v_wmma",
        "v_mfma",
        "v_dual_fma",
        "v_dual_dot",
    ];
    let hints = ["s_delay_alu", "s_clause", "s_nop", "s_inst_prefetch", "s_set_inst_prefetch", "s_setprio"];
    if begins(&multiply_adds) {
        Kind::MultiplyAdd
    } else if begins(&["v_"]) {
        Kind::Vector
    } else if begins(&hints) {
        Kind::Hint
    } else if begins(&["s_wait", "s_barrier", "buffer_gl0_inv", "buffer_gl1_inv", "buffer_wbinvl1"]) {
        Kind::Wait
    } else if begins(&["s_branch", "s_cbranch", "s_endpgm"]) {
        Kind::Branch
    } else if begins(&["s_load", "s_buffer_load"]) {
        Kind::ScalarLoad
    } else if begins(&["ds_"]) {
        Kind::WorkgroupMemory
    } else if begins(&["global_load", "buffer_load", "flat_load", "scratch_load", "image_load", "image_sample"]) {
        Kind::Load(bits(name, operation))
    } else if begins(&["global_", "buffer_", "flat_", "scratch_", "image_"]) {
        Kind::Store
    } else {
        Kind::Scalar
    }
}

fn is_block(name: &str) -> bool {
    name.strip_prefix("BB").is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn read(listing: &str) -> Code {
    let mut code = Code::default();
    for line in listing.lines() {
        // The encoding stands behind a semicolon.
        let line = line.split(';').next().unwrap_or_default().trim();
        if let Some(block) = line.strip_suffix(':').filter(|name| is_block(name)) {
            code.blocks.insert(block.to_string(), code.instructions.len());
        } else if let Some(times) = line.strip_prefix("(then repeated ") {
            let times = times.split(' ').next().and_then(|times| times.parse().ok()).unwrap_or(0);
            if let Some(last) = code.instructions.last().cloned() {
                code.instructions.extend(std::iter::repeat_n(last, times));
            }
        } else {
            // Two operations that are issued together are joined by colons.
            for operation in line.split("::").map(str::trim).filter(|operation| !operation.is_empty()) {
                let kind = kind(operation);
                let target = operation.split_whitespace().find(|word| kind == Kind::Branch && is_block(word));
                let target = target.map(str::to_string);
                code.instructions.push(Instruction { kind, target });
            }
        }
    }
    code
}

impl Code {
    /// The instructions of each loop.
    fn loops(&self) -> Vec<Range<usize>> {
        // By their first instruction: a loop may be continued from several places.
        let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, instruction) in self.instructions.iter().enumerate() {
            let start = instruction.target.as_ref().and_then(|target| self.blocks.get(target));
            if let Some(&start) = start.filter(|&&start| start <= index) {
                ends.insert(start, index + 1);
            }
        }
        ends.into_iter().map(|(start, end)| start..end).collect()
    }

    /// The instructions of each block, which ends with a branch or where another block begins.
    fn blocks(&self) -> Vec<Range<usize>> {
        let behind_branches = self
            .instructions
            .iter()
            .zip(1..)
            .filter(|(instruction, _)| instruction.kind == Kind::Branch)
            .map(|(_, end)| end);
        let mut bounds: BTreeSet<usize> = self.blocks.values().copied().chain(behind_branches).collect();
        bounds.extend([0, self.instructions.len()]);
        let bounds: Vec<_> = bounds.into_iter().collect();
        bounds.windows(2).map(|bounds| bounds[0]..bounds[1]).collect()
    }
}

/// The code with the most multiplications with additions, of the loops that have no other within, and of the blocks in other loops that consist
/// of them for the greater part: products that are unrolled. None where there is no such code.
pub(crate) fn hottest(listing: &str) -> Option<Counts> {
    let code = read(listing);
    let loops = code.loops();
    let within = |range: &Range<usize>, outer: &Range<usize>| outer.start <= range.start && range.end <= outer.end;
    let innermost = |l: &&Range<usize>| loops.iter().all(|other| other == *l || !within(other, l));
    let counts = |range: &Range<usize>| {
        let mut counts = Counts::default();
        for instruction in &code.instructions[range.clone()] {
            *counts.0.entry(instruction.kind).or_default() += 1;
        }
        counts
    };
    let blocks = code.blocks();
    let blocks = blocks.iter().filter(|block| loops.iter().any(|l| within(block, l))).map(counts);
    let all = blocks.filter(|block| block.share() > 0.5).chain(loops.iter().filter(innermost).map(counts));
    all.max_by_key(|counts| counts.of(Kind::MultiplyAdd)).filter(|counts| counts.of(Kind::MultiplyAdd) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A nest of two loops, and one behind it.
    const LISTING: &str = "
BB0:
	s_mov_b32 s0, 0                                             ; BE800380
BB1:
	s_mov_b32 s1, 0                                             ; BE810380
	s_mov_b32 s2, 0                                             ; BE820380
	s_mov_b32 s3, 0                                             ; BE830380
	v_fmac_f32_e32 v0, v1, v2                                   ; 56000501
	v_fmac_f32_e32 v0, v1, v2                                   ; 56000501
	v_fmac_f32_e32 v0, v1, v2                                   ; 56000501
BB2:
	s_waitcnt lgkmcnt(0)                                        ; BF89FC07
	ds_load_b128 v[4:7], v8                                     ; DBFC0000 04000008
	global_load_b128 v[8:11], v0, s[0:1]                        ; DC5E0000
	buffer_load_dword v3, v0, s[0:3], 0 offen                   ; E0301000
	v_fma_f32 v0, v1, v2, v0                                    ; D6130000
	v_dual_fmac_f32 v1, v2, v3 :: v_dual_add_f32 v4, v5, v6     ; C8080000
	s_cbranch_scc1 BB3                                          ; BFA20001
	s_delay_alu instid0(VALU_DEP_1)                             ; BF870001
	(then repeated 2 times)
	s_branch BB2                                                ; BFA00000
BB3:
	s_cbranch_vccnz BB1                                         ; BFA40000
BB4:
	v_add_nc_u32_e32 v0, 1, v0                                  ; 4A000081
	v_mac_f32_e32 v0, v1, v2                                    ; 3E000501
	s_cbranch_execnz BB4                                        ; BFA60000
	s_endpgm                                                    ; BFB00000
";

    #[test]
    fn the_hottest_loop_is_an_innermost_one() {
        let counts = hottest(LISTING).unwrap();
        assert_eq!(counts.of(Kind::MultiplyAdd), 2);
        assert_eq!(counts.of(Kind::Vector), 1);
        assert_eq!(counts.of(Kind::WorkgroupMemory), 1);
        assert_eq!(counts.loads().collect::<Vec<_>>(), [(32, 1), (128, 1)]);
        assert_eq!(counts.of(Kind::Branch), 2);
        assert_eq!((counts.of(Kind::Wait), counts.of(Kind::Hint)), (1, 3));
        assert_eq!(counts.instructions(), 9);
        assert!((counts.share() - 2.0 / 9.0).abs() < 1e-9);
    }

    #[test]
    fn an_unrolled_product_is_hotter_than_a_loop_beside_it() {
        let unrolled = "BB1:\n\ts_barrier\n\tv_fmac_f32 v0, v1, v2\n\t(then repeated 5 times)\n";
        let listing = LISTING.replace("BB1:\n", unrolled);
        let counts = hottest(&listing).unwrap();
        // With what stands in the block already.
        assert_eq!((counts.of(Kind::MultiplyAdd), counts.instructions()), (9, 13));
        let behind = listing.replace("s_cbranch_vccnz BB1", "s_cbranch_vccnz BB3");
        assert_eq!(hottest(&behind).unwrap().of(Kind::MultiplyAdd), 2);
    }

    #[test]
    fn a_loop_that_is_continued_from_several_places_is_one() {
        let listing = "BB1:\n\tv_fmac_f32 v0, v1, v2\n\ts_cbranch_vccz BB1\n\tv_fmac_f32 v0, v1, v2\n\ts_branch BB1\n";
        let counts = hottest(listing).unwrap();
        assert_eq!((counts.of(Kind::MultiplyAdd), counts.instructions()), (2, 4));
    }

    #[test]
    fn where_no_loop_multiplies_there_is_no_hottest_one() {
        assert_eq!(hottest(""), None);
        assert_eq!(hottest("BB0:\n\tv_fmac_f32 v0, v1, v2\n\ts_endpgm\n"), None);
        assert_eq!(hottest("BB0:\n\tv_mul_f32 v0, v1, v2\n\ts_branch BB0\n"), None);
        assert_eq!(hottest("BB0:\n\tv_fmac_f32 v0, v1, v2\n\ts_branch BB1\n\ts_branch\n(then repeated"), None);
    }

    #[test]
    fn instructions_are_known_by_their_names() {
        for (name, expected) in [
            ("v_fmac_f32_e32", Kind::MultiplyAdd),
            ("v_fmaak_f32", Kind::MultiplyAdd),
            ("v_mad_f32", Kind::MultiplyAdd),
            ("v_pk_fma_f16", Kind::MultiplyAdd),
            ("v_dot2_f32_f16", Kind::MultiplyAdd),
            ("v_wmma_f32_16x16x16_f16", Kind::MultiplyAdd),
            ("v_mad_u64_u32", Kind::Vector),
            ("s_add_u32", Kind::Scalar),
            ("s_buffer_load_dwordx8", Kind::ScalarLoad),
            ("ds_read2_b32", Kind::WorkgroupMemory),
            ("buffer_load_dwordx4", Kind::Load(128)),
            ("buffer_load_ushort", Kind::Load(16)),
            ("buffer_load_d16_b16", Kind::Load(16)),
            ("buffer_load_format_xyzw", Kind::Load(128)),
            ("global_load_u8", Kind::Load(8)),
            ("image_load v[28:31], v[28:29], s[32:39] dmask:0x7 dim:SQ_RSRC_IMG_2D", Kind::Load(96)),
            ("buffer_store_dword", Kind::Store),
            ("buffer_atomic_add", Kind::Store),
            ("s_barrier", Kind::Wait),
            ("buffer_gl0_inv", Kind::Wait),
            ("s_clause", Kind::Hint),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }
}
