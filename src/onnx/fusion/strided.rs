//! Elements of a tensor that lie at regular distances in another.

/// Neighbours as far apart from each other in another tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) extent: u32,
    pub(super) stride: i64,
}

/// Where the elements of a tensor lie in another: along each axis runs, outermost first, and the runs of one axis within each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strided {
    pub(super) first: i64,
    pub(super) axes: Vec<Vec<Run>>,
}

impl Strided {
    /// The elements of a tensor that lie one behind another from `first` on.
    pub(super) fn dense(first: u64, extents: &[u32]) -> Self {
        let mut stride = 1;
        let along = extents.iter().rev().map(|&extent| {
            let run = Run { extent, stride };
            stride *= i64::from(extent);
            vec![run]
        });
        let mut axes: Vec<_> = along.collect();
        axes.reverse();
        Self { first: first as i64, axes }
    }

    /// Where the elements lie in the tensor that the other one's elements lie in; `None` where that is not regular.
    pub(super) fn within(&self, other: &Self) -> Option<Self> {
        let mut inner: Vec<Spread> = Vec::new();
        let mut apart = 1;
        for run in other.runs().rev() {
            inner.push(Spread { run, apart, least: 0, most: 0 });
            apart *= i64::from(run.extent);
        }
        let mut rest = self.first;
        let mut first = other.first;
        for spread in inner.iter_mut().rev() {
            let index = rest / spread.apart;
            rest %= spread.apart;
            (spread.least, spread.most) = (index, index);
            first += index * spread.run.stride;
        }
        let axes = self.axes.iter().map(|runs| {
            let parts: Option<Vec<_>> = runs.iter().map(|run| split(*run, &mut inner)).collect();
            Some(joined(parts?.into_iter().flatten()))
        });
        let axes = axes.collect::<Option<Vec<_>>>()?;
        // No sum of indices goes beyond a run.
        let stays = |spread: &Spread| spread.least >= 0 && spread.most < i64::from(spread.run.extent);
        inner.iter().all(stays).then_some(Self { first, axes })
    }

    pub(super) fn runs(&self) -> impl DoubleEndedIterator<Item = Run> {
        self.axes.iter().flatten().copied()
    }

    /// All runs, as few as possible.
    pub(super) fn merged(&self) -> Vec<Run> {
        joined(self.runs())
    }
}

/// A run of the tensor that others lie in, how far apart its neighbours are there, and the indices that are met of it.
struct Spread {
    run: Run,
    apart: i64,
    least: i64,
    most: i64,
}

/// A run as runs along those it goes over, innermost first in `inner`.
fn split(run: Run, inner: &mut [Spread]) -> Option<Vec<Run>> {
    if run.extent == 1 || run.stride == 0 {
        return Some(vec![Run { stride: 0, ..run }]);
    }
    let (mut left, mut step) = (i64::from(run.extent), run.stride.abs());
    let sign = run.stride.signum();
    let mut parts = Vec::new();
    let begin = inner.iter().rposition(|spread| spread.run.extent > 1 && spread.apart <= step)?;
    step = if step % inner[begin].apart == 0 { step / inner[begin].apart } else { return None };
    for spread in &mut inner[begin..] {
        let extent = i64::from(spread.run.extent);
        if extent == 1 {
            continue;
        }
        let fits = (left - 1) * step < extent;
        let here = match fits {
            true => left,
            false if extent % step == 0 && left % (extent / step) == 0 => extent / step,
            false => return None,
        };
        let reach = (here - 1) * step * sign;
        spread.least += reach.min(0);
        spread.most += reach.max(0);
        parts.push(Run { extent: here as u32, stride: sign * step * spread.run.stride });
        left /= here;
        step = 1;
        if left == 1 {
            parts.reverse();
            return Some(parts);
        }
    }
    None
}

/// Runs as few as possible: what goes on where the next one ends is the same run.
fn joined(runs: impl Iterator<Item = Run>) -> Vec<Run> {
    let mut joined: Vec<Run> = Vec::new();
    for run in runs.filter(|run| run.extent != 1) {
        match joined.last_mut() {
            Some(outer) if outer.stride == run.stride * i64::from(run.extent) => {
                *outer = Run { extent: outer.extent * run.extent, ..run };
            }
            _ => joined.push(run),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(strided: &Strided) -> Vec<i64> {
        let along = |before: Vec<i64>, run: Run| {
            before.iter().flat_map(|from| (0..i64::from(run.extent)).map(move |at| from + at * run.stride)).collect()
        };
        strided.runs().fold(vec![strided.first], along)
    }

    /// Random transposes of parts of random reshapes: what is regular lies where it should, and most is.
    #[test]
    fn elements_lie_where_those_of_the_other_do() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut regular = 0;
        for _ in 0..2000 {
            let mut extents: Vec<u32> = (0..rng.usize(1..5)).map(|_| rng.u32(1..5)).collect();
            let mut other = Strided::dense(rng.u64(0..3), &extents);
            rng.shuffle(&mut other.axes);
            let all: u32 = extents.iter().product();
            // Other extents of the same number of elements, or of a part of them.
            if rng.bool() {
                let divisors: Vec<_> = (1..=all).filter(|divisor| all.is_multiple_of(*divisor)).collect();
                let rows = divisors[rng.usize(0..divisors.len())];
                extents = vec![rows, all / rows];
            } else {
                extents = other.runs().map(|run| run.extent).collect();
            }
            let mut own = Strided::dense(0, &extents);
            let axis = rng.usize(0..extents.len());
            let cut = rng.u32(0..extents[axis]);
            own.first += i64::from(cut) * own.axes[axis][0].stride;
            own.axes[axis][0].extent -= cut;
            if rng.bool() {
                let run = &mut own.axes[axis][0];
                own.first += i64::from(run.extent - 1) * run.stride;
                run.stride = -run.stride;
            }
            rng.shuffle(&mut own.axes);
            let there = elements(&other);
            let expected: Vec<_> = elements(&own).into_iter().map(|at| there[at as usize]).collect();
            if let Some(within) = own.within(&other) {
                regular += 1;
                assert_eq!(elements(&within), expected, "{own:?} within {other:?}");
            }
        }
        assert!(regular > 1500, "{regular} of 2000");
    }

    #[test]
    fn a_transpose_of_a_transpose_is_dense() {
        let transposed =
            Strided { first: 0, axes: vec![vec![Run { extent: 3, stride: 1 }], vec![Run { extent: 2, stride: 3 }]] };
        let back =
            Strided { first: 0, axes: vec![vec![Run { extent: 2, stride: 1 }], vec![Run { extent: 3, stride: 2 }]] };
        assert_eq!(back.within(&transposed).unwrap().merged(), [Run { extent: 6, stride: 1 }]);
    }
}
