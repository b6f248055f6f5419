#!/usr/bin/env python3
"""GridSample of ONNX Runtime's WebGPU provider beside pliant's, on the same adapter: prints a table in Markdown.

    pip install onnxruntime-webgpu==1.27.0 onnx==1.23.2 numpy
    scripts/with-adapter swiftshader python benches/peers/onnxruntime_webgpu.py [--pliant target/release/pliant] [--turns 4]

Both run the same two files for each shape, by turns: one with a single GridSample of opset 16, one with nine. Times are of one GridSample, an eighth of
what the eight more take: uploads, downloads and what a run costs else are in both. For nine, a warp takes the result of the one before, and samples of an
attention's level are added up. A provider that leaves a node to the CPU is an error.
"""

import argparse
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper

RUNS = 6
RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.standard_normal(shape, dtype=np.float32)


def sample(image, grid, output, align_corners):
    attributes = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": align_corners}
    return helper.make_node("GridSample", [image, grid], [output], name=output, **attributes)


def warps(count):
    """A BasicVSR++ warp by a flow of some pixels, so often."""
    height, width = 180, 320
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    moved = 2 * normal(2, height, width)
    grid = np.stack((x + 2 * moved[0] / (width - 1), y + 2 * moved[1] / (height - 1)), -1)[None].astype(np.float32)
    names = ["x"] + [f"y{index}" for index in range(count)]
    nodes = [sample(before, "grid", after, 1) for before, after in zip(names, names[1:])]
    return nodes, {"x": normal(1, 64, height, width), "grid": grid}, names[-1]


def level(side):
    """A level of RT-DETR's decoder, 8 heads of 32 channels and 300 queries of 4 points, so often."""

    def make(count):
        inputs = {"x": normal(8, 32, side, side)}
        nodes, total = [], None
        for index in range(count):
            inputs[f"grid{index}"] = RNG.uniform(-1, 1, (8, 300, 4, 2)).astype(np.float32)
            nodes.append(sample("x", f"grid{index}", f"y{index}", 0))
            if total is not None:
                nodes.append(helper.make_node("Add", [total, f"y{index}"], [f"total{index}"], name=f"total{index}"))
            total = nodes[-1].output[0]
        return nodes, inputs, total

    return make


SHAPES = {
    "BasicVSR++ warp, 1x64x180x320": warps,
    "RT-DETR, 8x32x80x80, 1,200 points": level(80),
    "RT-DETR, 8x32x40x40, 1,200 points": level(40),
    "RT-DETR, 8x32x20x20, 1,200 points": level(20),
}


class Pair:
    """A model in a folder, as both run it."""

    def __init__(self, folder, pliant, made):
        nodes, self.inputs, output = made
        value = lambda name, shape: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)
        inputs = [value(name, array.shape) for name, array in self.inputs.items()]
        graph = helper.make_graph(nodes, "samples", inputs, [value(output, None)])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)
        file = folder / "model.onnx"
        onnx.save(model, file)
        self.command = [pliant, "onnx", file, "--stages"]
        for name, array in self.inputs.items():
            np.save(folder / f"{name}.npy", array)
            self.command += ["--input", f"{name}={folder / name}.npy"]
        expected = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"]).run(None, self.inputs)[0]
        np.save(folder / "expected.npy", expected)
        self.command += ["--expect", f"{output}={folder / 'expected.npy'}"]
        options = onnxruntime.SessionOptions()
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
        self.session = onnxruntime.InferenceSession(file, options, providers=["WebGpuExecutionProvider"])
        np.testing.assert_allclose(self.session.run(None, self.inputs)[0], expected, rtol=1e-3, atol=1e-3)
        self.least = [float("inf")] * 2

    def turn(self):
        for _ in range(RUNS):
            start = time.perf_counter()
            self.session.run(None, self.inputs)
            self.least[0] = min(self.least[0], 1e3 * (time.perf_counter() - start))
        printed = subprocess.run(self.command, check=True, capture_output=True, text=True).stdout
        self.least[1] = min(self.least[1], float(re.search(r"total, submitted at once, clock\s+([\d.]+)", printed)[1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pliant", default="target/release/pliant")
    parser.add_argument("--turns", type=int, default=4)
    arguments = parser.parse_args()
    print(f"onnxruntime {onnxruntime.__version__}\n")
    print("| GridSample | pliant, ms | ONNX Runtime, ms | ONNX Runtime / pliant |\n| --- | ---: | ---: | ---: |", flush=True)
    for name, make in SHAPES.items():
        with tempfile.TemporaryDirectory() as folder:
            pairs = []
            for count in (1, 9):
                own = Path(folder) / str(count)
                own.mkdir()
                pairs.append(Pair(own, arguments.pliant, make(count)))
            for _ in range(arguments.turns):
                for pair in pairs:
                    pair.turn()
        theirs, ours = ((pairs[1].least[by] - pairs[0].least[by]) / 8 for by in (0, 1))
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} |", flush=True)


if __name__ == "__main__":
    main()
