#!/usr/bin/env python3
"""The ONNX project's own tests of single operators, as folders for `pliant onnx --check`: see scripts/onnx-node-tests.

    node_tests.py make FOLDER          writes the tests, FOLDER/OPERATOR/TEST, and FOLDER/left_out.txt
    node_tests.py table FOLDER OUTPUT  prints a table of what the program said of them
"""

import collections
import pathlib
import re
import sys
import warnings

OPERATORS = """
    Abs Add And ArgMax ArgMin Attention AveragePool BatchNormalization Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Cos CumSum DeformConv DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor Gather GatherElements
    GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HardSigmoid HardSwish Identity
    InstanceNormalization IsInf IsNaN LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mod Mul
    Neg NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow RMSNormalization Range Reciprocal ReduceL1 ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize RoiAlign Round Scatter ScatterElements
    ScatterND Selu Shape Sigmoid Sign Sin Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Swish Tan Tanh
    ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Upsample Where Xor
""".split()

REASONS = {
    8: "strings", 14: "complex numbers", 15: "complex numbers", 17: "floats of 8 bits", 18: "floats of 8 bits", 19: "floats of 8 bits",
    20: "floats of 8 bits", 21: "integers of 4 bits", 22: "integers of 4 bits", 23: "floats of 4 bits", 24: "floats of 8 bits",
    25: "integers of 2 bits", 26: "integers of 2 bits",
}

# Elements that are dropped at random, as NumPy draws them.
RANDOM = ["test_training_dropout", "test_training_dropout_default", "test_training_dropout_default_mask", "test_training_dropout_mask"]

# The specification takes the last position of an output for that of an extent that is not whole. ONNX Runtime and torch, whose exporter writes such
# files, take that of the whole extent, and so it is done here.
OTHERWISE = ["test_resize_downsample_scales_cubic_align_corners", "test_resize_downsample_scales_linear_align_corners"]


def not_applicable(name, model):
    """Why a test is left out; None where it is not."""
    graph = model.graph
    for value in [*graph.input, *graph.output]:
        kind = value.type.WhichOneof("value")
        if kind != "tensor_type":
            return {"sequence_type": "sequences", "optional_type": "optionals", "map_type": "maps"}.get(kind, kind)
        if value.type.tensor_type.elem_type in REASONS:
            return REASONS[value.type.tensor_type.elem_type]
    if any(node.op_type in ("If", "Loop", "Scan") for node in graph.node):
        return "control flow"
    if name in RANDOM:
        return "random numbers"
    if name in OTHERWISE:
        return "aligned corners by the extent before it is rounded"
    if "volumetric" in name:
        return "volumes"
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i in REASONS:
                return REASONS[attribute.i]
            if attribute.HasField("t") and attribute.t.data_type in REASONS:
                return REASONS[attribute.t.data_type]
            if attribute.name in ("value_string", "value_strings"):
                return "strings"
    return None


def operator(case):
    """The operator that a test is of: that of its name where its own nodes are those of a function's body."""
    nodes = case.model.graph.node
    if not case.name.endswith("_expanded") and len(nodes) == 1:
        return nodes[0].op_type
    words = case.name.removeprefix("test_").replace("_", "")
    of = [name for name in OPERATORS if words.startswith(name.lower())]
    return max(of, key=len, default=None)


def make(folder):
    import numpy
    import onnx
    from onnx.backend.test.case import node

    warnings.simplefilter("ignore")
    left_out = []
    for case in node.collect_testcases(None):
        name = operator(case)
        if name not in OPERATORS:
            continue
        why = not_applicable(case.name, case.model)
        if why:
            left_out.append(f"{name} {case.name} {why}\n")
            continue
        for index, (inputs, outputs) in enumerate(case.data_sets):
            path = folder / name / (case.name if index == 0 else f"{case.name}_{index}")
            for side, values, declared in [("inputs", inputs, case.model.graph.input), ("outputs", outputs, case.model.graph.output)]:
                (path / side).mkdir(parents=True, exist_ok=True)
                for value, info in zip(values, declared):
                    if isinstance(value, onnx.TensorProto):
                        value = onnx.numpy_helper.to_array(value)
                    value = numpy.asarray(value)
                    if value.dtype.name == "bfloat16":
                        value = value.view(numpy.uint16) if side == "inputs" else value.astype(numpy.float32)
                    numpy.save(path / side / f"{info.name}.npy", numpy.ascontiguousarray(value).reshape(value.shape))
            (path / "model.onnx").write_bytes(case.model.SerializeToString())
    (folder / "left_out.txt").write_text("".join(left_out))


def table(folder, output):
    counts = collections.defaultdict(collections.Counter)
    reasons = collections.Counter()
    for line in (folder / "left_out.txt").read_text().splitlines():
        name, _, why = line.split(" ", 2)
        counts[name]["not applicable"] += 1
        reasons[why] += 1
    current, failed = None, {}
    for line in output.read_text().splitlines():
        if line.startswith(str(folder)):
            current = pathlib.Path(line)
            failed[current] = None
        elif current and "FAILED" in line and failed[current] is None:
            failed[current] = line.strip()
        elif re.match(r"\d+ passed", line):
            total = line
    for path, why in failed.items():
        counts[path.parent.name]["failed" if why else "passed"] += 1
    columns = ["passed", "failed", "not applicable"]
    print("| operator | " + " | ".join(columns) + " |\n| --- |" + " ---: |" * 3)
    for name in sorted(counts):
        print(f"| {name} | " + " | ".join(str(counts[name][column]) for column in columns) + " |")
    print(f"\n{total}; not applicable: " + ", ".join(f"{count} of {why}" for why, count in sorted(reasons.items())))
    for path, why in failed.items():
        if why:
            print(f"{path.name}: {why}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder]:
            make(pathlib.Path(folder))
        case ["table", folder, output]:
            table(pathlib.Path(folder), pathlib.Path(output))
        case _:
            sys.exit(__doc__)
