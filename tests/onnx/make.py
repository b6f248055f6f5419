"""Makes the models of this folder, their inputs and what ONNX Runtime computes from them.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py

MODEL.onnx lies beside MODEL.INPUT.npy and MODEL.OUTPUT.npy, one for each input and output of the graph. The same versions make
the same models.
"""

import pathlib

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxscript import opset19
from torch import nn
from torch.export import Dim
from torch.onnx import symbolic_helper
from torchvision.ops import deform_conv2d

FOLDER = pathlib.Path(__file__).parent


# What is written.


def write(name, model, inputs):
    """Writes a model, its inputs by name, and its outputs."""
    for part in [model, model.graph, *model.graph.node, *model.graph.input, *model.graph.output]:
        # The exporter's records of the machine that it ran on.
        part.doc_string = ""
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    for old in FOLDER.glob(f"{name}.*"):
        old.unlink()
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(names, inputs)))
    for value, elements in [*inputs.items(), *outputs.items()]:
        np.save(FOLDER / f"{name}.{value}.npy", elements)

    print(f"{name}: {', '.join(node.op_type for node in model.graph.node)}")
    for value, elements in outputs.items():
        finite = "" if np.isfinite(elements).all() else ", NOT FINITE"
        print(f"    {value} {elements.shape} {elements.dtype}: {elements.min():.4f} to {elements.max():.4f}{finite}")


# Models written as users of torch write them.


class Deformable(nn.Module):
    """The bare operator: offset and mask are inputs."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 4, 3, 3) / 6)
        self.bias = nn.Parameter(torch.randn(5))

    def forward(self, x, offset, mask):
        return deform_conv2d(x, offset, self.weight, self.bias, padding=1, mask=mask)


class Dcnv2(nn.Module):
    """A layer of version 2: one convolution makes offset and mask."""

    def __init__(self, channels, out_channels, offset_groups=1, groups=1):
        super().__init__()
        self.sizes = [18 * offset_groups, 9 * offset_groups]
        self.joint = nn.Conv2d(channels, sum(self.sizes), 3, padding=1)
        self.weight = nn.Parameter(torch.randn(out_channels, channels // groups, 3, 3) / 6)
        self.bias = nn.Parameter(torch.randn(out_channels) / 4)

    def forward(self, x):
        offset, mask = torch.split(self.joint(x), self.sizes, dim=1)
        return torch.relu(self.sample(x, offset, mask))

    def sample(self, x, offset, mask):
        return deform_conv2d(x, offset, self.weight, self.bias, padding=1, mask=torch.sigmoid(mask))


class Thirds(Dcnv2):
    """The same cut into three equal parts, as mmcv and the authors of version 2 have it, and normalised."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.norm = nn.BatchNorm2d(self.weight.shape[0])

    def forward(self, x):
        first, second, mask = torch.split(self.joint(x), sum(self.sizes) // 3, dim=1)
        return torch.relu(self.norm(self.sample(x, torch.cat((first, second), dim=1), mask)))


class Net(nn.Module):
    """A stem, two layers with offset groups and a residual, and a gate by global pooling."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.first = Dcnv2(8, 8, 2)
        self.second = Thirds(8, 8, 4, 2)
        self.squeeze = nn.Conv2d(16, 4, 1)
        self.excite = nn.Conv2d(4, 16, 1)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.running_mean, std=0.2)
                nn.init.uniform_(module.running_var, 0.3, 2.0)
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.3)

    def forward(self, x):
        x = self.stem(x)
        first = self.first(x)
        second = self.second(first) + x
        both = torch.cat((first, second), dim=1)
        pooled = nn.functional.adaptive_avg_pool2d(both, 1)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        return torch.tanh(torch.clamp(both * gate, -0.5, 1.25))


def mean(x, dim, keepdim=False, dtype=None):
    """The exporter writes global average pooling as ReduceMean; this is the operator of that name."""
    assert sorted(axis % 4 for axis in dim) == [2, 3] and keepdim and dtype is None
    return opset19.GlobalAveragePool(x)


@symbolic_helper.parse_args("v", "v", "v", "v", "v", *["i"] * 9)
def deform_conv(g, x, weight, offset, mask, bias, s0, s1, p0, p1, d0, d1, groups, offset_groups, use_mask):
    """What users register for the exporter of old, which knows no deformable convolution."""
    inputs = [x, weight, offset, bias, *([mask] if use_mask else [])]
    return g.op(
        "DeformConv", *inputs, strides_i=[s0, s1], pads_i=[p0, p1, p0, p1], dilations_i=[d0, d1], group_i=groups,
        offset_group_i=offset_groups,
    )


def exported(module, inputs, output, opset, dynamic=None, **options):
    """The model that torch.onnx.export writes."""
    return torch.onnx.export(
        module.eval(), tuple(inputs.values()), input_names=list(inputs), output_names=[output], opset_version=opset,
        dynamo=True, dynamic_shapes=dynamic, verbose=False, **options,
    ).model_proto


def exported_of_old(module, inputs, output, opset):
    """The same by the exporter that torch had before, which many files are from."""
    file = FOLDER / "old.tmp"
    torch.onnx.register_custom_op_symbolic("torchvision::deform_conv2d", deform_conv, opset)
    torch.onnx.export(
        module.eval(), tuple(inputs.values()), file, input_names=list(inputs), output_names=[output],
        opset_version=opset, dynamo=False,
    )
    model = onnx.load(file)
    file.unlink()
    return model


def numpy(inputs):
    return {name: tensor.numpy() for name, tensor in inputs.items()}


def of_torch():
    torch.manual_seed(1)
    inputs = {
        "x": torch.randn(2, 4, 7, 9),
        "offset": 2 * torch.randn(2, 18, 7, 9),
        "mask": torch.rand(2, 9, 7, 9),
    }
    write("deform_conv", exported(Deformable(), inputs, "y", 19), numpy(inputs))

    inputs = {"x": torch.randn(2, 6, 8, 7)}
    dynamic = ({axis: Dim.DYNAMIC for axis in (0, 2, 3)},)
    write("dcnv2", exported(Dcnv2(6, 5), inputs, "y", 22, dynamic), numpy(inputs))

    net, inputs = Net(), {"x": torch.randn(2, 3, 18, 22)}
    table = {torch.ops.aten.mean.dim: mean}
    write("net", exported(net, inputs, "y", 19, custom_translation_table=table), numpy(inputs))
    write("net_of_old", exported_of_old(net, inputs, "y", 19), numpy(inputs))


# Models written node by node, for what the exporter does not write.


def by_hand(name, opset, nodes, inputs, outputs, constants):
    generator = np.random.default_rng(2)
    dtype = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.float16): TensorProto.FLOAT16}
    for value, what in inputs.items():
        if isinstance(what, tuple):
            shape, kind = what
            inputs[value] = generator.standard_normal(shape).astype(kind)
    initializer = []
    for value, what in constants.items():
        if isinstance(what, tuple):
            what = generator.standard_normal(what).astype(np.float32) / np.sqrt(max(1, np.prod(what[1:])))
            what = what.astype(next(iter(inputs.values())).dtype)
        initializer.append(numpy_helper.from_array(np.asarray(what), value))
    graph = helper.make_graph(
        nodes, name,
        [helper.make_tensor_value_info(value, dtype[x.dtype], x.shape) for value, x in inputs.items()],
        [helper.make_tensor_value_info(value, dtype[np.dtype(kind)], [None] * next(iter(inputs.values())).ndim) for value, kind in outputs.items()],
        initializer,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="make.py")
    model.ir_version = 9
    write(name, model, inputs)


def of_hand():
    f32, f16, node = np.float32, np.float16, helper.make_node
    by_hand(
        "attributes", 19,
        [
            node("DeformConv", ["x", "w1", "offset1", "b1"], ["a"], "no_mask", group=2, offset_group=4,
                 strides=[2, 1], dilations=[1, 2], pads=[0, 3, 2, 1], kernel_shape=[3, 2]),
            node("DeformConv", ["x", "w2", "offset2", "", "mask2"], ["b"], "no_bias", group=4, offset_group=2,
                 strides=[1, 2], pads=[1, 0, 0, 2]),
            node("DeformConv", ["x", "w3", "offset3"], ["c"], "neither"),
            node("Conv", ["x", "w1"], ["d"], "same_upper", group=2, strides=[2, 3], auto_pad="SAME_UPPER"),
            node("Conv", ["x", "w1", "b1"], ["e"], "same_lower", group=2, strides=[2, 1], auto_pad="SAME_LOWER"),
            node("Conv", ["x", "w2"], ["f"], "valid", group=4, auto_pad="VALID"),
        ],
        {
            "x": ((2, 8, 9, 10), f32),
            "offset1": ((2, 48, 5, 12), f32),
            "offset2": ((2, 24, 8, 6), f32),
            "mask2": ((2, 12, 8, 6), f32),
            "offset3": ((2, 2, 9, 10), f32),
        },
        dict.fromkeys("abcdef", f32),
        {"w1": (6, 4, 3, 2), "b1": (6,), "w2": (8, 2, 3, 2), "w3": (3, 8, 1, 1)},
    )
    by_hand(
        "forms", 19,
        [
            node("Constant", [], ["two"], "two", value_float=2.0),
            node("Constant", [], ["sizes"], "sizes", value_ints=[1, 1, 2]),
            node("Constant", [], ["row"], "row", value=numpy_helper.from_array(np.arange(5, dtype=f32))),
            node("Identity", ["x"], ["same"], "same"),
            node("Split", ["same", "sizes"], ["a", "unused", "c"], "by_sizes", axis=-3),
            node("Split", ["x"], ["d", "e"], "rest_smaller", num_outputs=2, axis=3),
            node("Clip", ["a", "", "two"], ["f"], "above_only"),
            node("Clip", ["c"], ["g"], "neither"),
            node("Mul", ["two", "g"], ["h"], "scalar_first"),
            node("Add", ["h", "f"], ["i"], "one_channel"),
            node("Add", ["i", "row"], ["j"], "row_by_rank"),
            node("Concat", ["j", "f", "g"], ["k"], "three", axis=1),
            node("GlobalAveragePool", ["d"], ["l"], "pool"),
            node("BatchNormalization", ["k", "s", "b", "m", "v"], ["n"], "norm", epsilon=1e-3),
            node("Mul", ["n", "column"], ["o"], "column"),
            node("Identity", ["e"], ["p"], "last"),
        ],
        {"x": ((2, 4, 3, 5), f32)},
        dict.fromkeys("lop", f32),
        {
            "s": (5,), "b": (5,), "m": (5,), "v": np.linspace(0.5, 2, 5, dtype=f32),
            "column": (3, 1),
        },
    )
    by_hand(
        "opset10", 10,
        [
            node("Conv", ["x", "w", "b"], ["a"], "conv", pads=[1, 1, 1, 1]),
            node("BatchNormalization", ["a", "s", "t", "m", "v"], ["n"], "norm", momentum=0.9),
            node("Clip", ["n"], ["c"], "clip", min=-1.5, max=2.5),
            node("Split", ["c"], ["d", "e"], "sizes", axis=1, split=[1, 3]),
            node("Split", ["e"], ["f", "g", "h"], "equal", axis=1),
            node("Add", ["d", "g"], ["y"], "add"),
            node("Tanh", ["h"], ["z"], "tanh"),
        ],
        {"x": ((1, 3, 6, 5), f32)},
        dict.fromkeys("yz", f32),
        {
            "w": (4, 3, 3, 3), "b": (4,), "s": (4,), "t": (4,), "m": (4,),
            "v": np.linspace(0.5, 2, 4, dtype=f32),
        },
    )
    by_hand(
        "half", 19,
        [
            node("Conv", ["x", "wj", "bj"], ["joint"], "joint", pads=[1, 1, 1, 1]),
            node("Split", ["joint", "sizes"], ["offset", "logit"], "split", axis=1),
            node("Sigmoid", ["logit"], ["mask"], "sigmoid"),
            node("DeformConv", ["x", "w", "offset", "b", "mask"], ["c"], "deform", pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["y"], "relu"),
        ],
        {"x": ((1, 4, 6, 7), f16)},
        {"y": f16},
        {"wj": (27, 4, 3, 3), "bj": (27,), "sizes": np.array([18, 9]), "w": (4, 4, 3, 3), "b": (4,)},
    )
    by_hand(
        "volumes", 19,
        [
            node("Conv", ["x", "w1", "b1"], ["a"], "window", group=2, strides=[2, 1, 2], dilations=[1, 2, 1], pads=[1, 0, 2, 0, 3, 1]),
            node("Conv", ["x", "w2"], ["b"], "same_upper", strides=[2, 3, 1], auto_pad="SAME_UPPER"),
            node("ConvTranspose", ["x", "w3", "b1"], ["c"], "transposed", group=2, strides=[2, 1, 3], dilations=[2, 1, 1],
                 pads=[1, 0, 2, 3, 1, 0], output_padding=[1, 0, 2]),
            node("ConvTranspose", ["x", "w4"], ["d"], "same_lower", strides=[2, 2, 1], auto_pad="SAME_LOWER"),
        ],
        {"x": ((2, 4, 5, 4, 6), f32)},
        dict.fromkeys("abcd", f32),
        {"w1": (6, 2, 3, 2, 3), "b1": (6,), "w2": (3, 4, 2, 1, 3), "w3": (4, 3, 3, 2, 4), "w4": (4, 2, 2, 2, 2)},
    )
    special = np.array([-np.inf, -1e4, -0.5, 0, 0.5, 1e4, np.inf, np.nan]).reshape(1, 1, 2, 4)
    for name, opset, kinds in [("clip", 19, {"x": f32, "h": f16}), ("clip_of_old", 10, {"x": f32})]:
        nodes, outputs = [], {}
        for value, kind in kinds.items():
            constant = numpy_helper.from_array(np.array(1, dtype=kind))
            if opset > 10:
                nodes.append(node("Constant", [], [f"{value}_one"], f"one of {value}", value=constant))
            for bound in ["neither", "min", "max"]:
                bounds = [f"{value}_one" if bound == which else "" for which in ["min", "max"]]
                attributes = {} if opset > 10 or bound == "neither" else {bound: 1.0}
                bounds = bounds if opset > 10 else []
                outputs[f"{value}_{bound}"] = kind
                nodes.append(node("Clip", [value, *bounds], [f"{value}_{bound}"], f"{bound} of {value}", **attributes))
        by_hand(name, opset, nodes, {value: special.astype(kind) for value, kind in kinds.items()}, outputs, {})


of_torch()
of_hand()
