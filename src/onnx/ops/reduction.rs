//! Reductions over axes.

use super::Entry;
use crate::error::Result;
use crate::geometry::GlobalAveragePool;
use crate::onnx::planner::{Call, Value};

pub(super) const OPERATORS: &[Entry] = &[("GlobalAveragePool", global_average_pool)];

fn global_average_pool(call: &mut Call) -> Result<Vec<Value>> {
    call.arity(1, 1)?;
    let element = call.input(0)?.element();
    let input = call.source(0)?;
    Ok(vec![call.run_one(&GlobalAveragePool, &input, element)?])
}
