#!/usr/bin/env python3
"""Torch on the CPU on the shapes of `bench --suite attention`: prints a table in Markdown.

    pip install torch==2.15.0
    python benches/torch_attention.py [--seconds 2] [--threads N]

Attention and version 3 are done as their authors' Python functions do them, one grid_sample for each level. Inputs are drawn like the program's.
"""

import argparse
import time

import torch
import torch.nn.functional as F


def attention(value, shapes, locations, weights):
    """value (1, pixels, heads, channels), locations (1, queries, heads, levels, points, 2), weights without the 2."""
    _, _, heads, channels = value.shape
    queries = locations.shape[1]
    grids = 2 * locations - 1
    samples, first = [], 0
    for level, (height, width) in enumerate(shapes):
        pixels = value[0, first : first + height * width]
        first += height * width
        image = pixels.permute(1, 2, 0).reshape(heads, channels, height, width)
        grid = grids[0, :, :, level].transpose(0, 1)
        samples.append(F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False))
    weight = weights[0].permute(1, 0, 2, 3).reshape(heads, 1, queries, -1)
    summed = (torch.stack(samples, dim=-2).flatten(-2) * weight).sum(-1)
    return summed.permute(2, 0, 1).reshape(1, queries, heads * channels)


def version_3(image, offset, mask, groups):
    """3x3, stride 1, padding 1: image (1, height, width, channels), offset and mask channels last."""
    _, height, width, channels = image.shape
    taps = torch.stack(torch.meshgrid(torch.arange(3.0) - 1, torch.arange(3.0) - 1, indexing="ij"), -1).reshape(9, 2)
    y, x = torch.meshgrid(torch.arange(float(height)), torch.arange(float(width)), indexing="ij")
    places = torch.stack((x, y), -1).reshape(-1, 1, 1, 2) + taps + offset.reshape(-1, groups, 9, 2)
    grid = (2 * places + 1) / torch.tensor([width, height]) - 1
    planes = image.permute(0, 3, 1, 2).reshape(groups, channels // groups, height, width)
    samples = F.grid_sample(planes, grid.transpose(0, 1), mode="bilinear", padding_mode="zeros", align_corners=False)
    weight = mask.reshape(-1, groups, 9).transpose(0, 1).unsqueeze(1)
    return (samples * weight).sum(-1).permute(2, 0, 1).reshape(1, height, width, channels)


def attention_inputs(shapes, queries):
    centers = []
    for height, width in shapes:
        y, x = torch.meshgrid(torch.arange(height) + 0.5, torch.arange(width) + 0.5, indexing="ij")
        centers.append(torch.stack((x / width, y / height), -1).reshape(-1, 2))
    references = torch.rand(queries, 2) if queries else torch.cat(centers)
    sizes = torch.tensor([[width, height] for height, width in shapes])
    moved = 2 * torch.randn(1, len(references), 8, len(shapes), 4, 2) / sizes[:, None]
    locations = references[:, None, None, None] + moved
    value = torch.randn(1, sum(height * width for height, width in shapes), 8, 32)
    weights = torch.rand(locations.shape[:-1]) / (4 * len(shapes))
    return (lambda *tensors: attention(tensors[0], shapes, *tensors[1:])), [value, locations, weights]


def warp_inputs():
    y, x = torch.meshgrid(torch.arange(180.0), torch.arange(320.0), indexing="ij")
    places = torch.stack((x, y), -1) + 2 * torch.randn(1, 180, 320, 2)
    grid = 2 * places / torch.tensor([319.0, 179.0]) - 1
    return (lambda image, grid: F.grid_sample(image, grid, align_corners=True)), [torch.randn(1, 64, 180, 320), grid]


def version_3_inputs(extent):
    tensors = [
        torch.randn(1, extent, extent, 256),
        2 * torch.randn(1, extent, extent, 288),
        torch.rand(1, extent, extent, 144),
    ]
    return (lambda *tensors: version_3(*tensors, 16)), tensors


SHAPES = {
    "RTDETR-dec": lambda: attention_inputs([(80, 80), (40, 40), (20, 20)], 300),
    "DETR-enc": lambda: attention_inputs([(100, 167), (50, 84), (25, 42), (13, 21)], None),
    "M2F-pixel": lambda: attention_inputs([(128, 128), (64, 64), (32, 32)], None),
    "BVSR-warp": warp_inputs,
    "DCNv3-14": lambda: version_3_inputs(14),
    "DCNv3-80": lambda: version_3_inputs(80),
}


def timed(seconds, run):
    run()
    times, begin = [], time.perf_counter()
    while time.perf_counter() - begin < seconds or len(times) < 3:
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return min(times), sorted(times)[len(times) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(7)
    print(f"torch {torch.__version__}, {arguments.threads} threads\n")
    print("| shape | pass | min ms | median ms |\n| --- | --- | ---: | ---: |")
    for name, make in SHAPES.items():
        function, tensors = make()

        def forward():
            with torch.no_grad():
                function(*tensors)

        def both():
            leaves = [tensor.detach().requires_grad_() for tensor in tensors]
            output = function(*leaves)
            output.backward(torch.ones_like(output))

        for name_of_pass, run in (("forward", forward), ("forward+backward", both)):
            least, median = timed(arguments.seconds, run)
            print(f"| {name} | {name_of_pass} | {least:.3f} | {median:.3f} |", flush=True)


if __name__ == "__main__":
    main()
