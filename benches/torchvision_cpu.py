#!/usr/bin/env python3
"""torchvision's deform_conv2d on the CPU, on the six shapes of `bench --suite cpu`: prints a table in Markdown.

    pip install torch==2.15.0 torchvision==0.29.2 numpy
    benches/torchvision_cpu.py [--only s1,s2] [--seconds 2] [--threads 2]

Offsets are normally distributed with a sigma of 2 pixels, masks uniform between 0 and 1. Forward and backward are timed together.
"""

import argparse
import platform
import statistics
import time

import torch
import torchvision
from torchvision.ops import deform_conv2d

# name: input, output channels, kernel, stride, padding, groups, offset groups, mask
SHAPES = {
    "s1": ((1, 64, 56, 56), 64, 3, 1, 1, 1, 1, True),
    "s2": ((1, 256, 50, 84), 256, 3, 1, 1, 1, 1, True),
    "s3": ((1, 128, 64, 64), 128, 3, 1, 1, 1, 1, True),
    "s4": ((1, 64, 90, 160), 64, 3, 1, 1, 1, 16, True),
    "s5": ((1, 256, 32, 32), 256, 7, 1, 3, 1, 1, True),
    "s6": ((4, 32, 32, 32), 32, 3, 2, 1, 2, 2, False),
}


def timed(work, seconds):
    """Minimum and median in ms, and the number of runs: at least three, and ten unless that takes five times as long."""
    work()
    times = []
    begin = time.perf_counter()
    while (
        len(times) < 3
        or (elapsed := time.perf_counter() - begin) < seconds
        or (len(times) < 10 and elapsed < 5 * seconds)
    ):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return min(times), statistics.median(times), len(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(SHAPES), help="shapes by name, separated by commas")
    parser.add_argument("--seconds", type=float, default=2.0, help="about how long each pass is timed")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(7)

    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, Python {platform.python_version()}, "
        f"{arguments.threads} threads\n"
    )
    print("| shape | pass | min ms | median ms | GFLOP/s | runs |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for name in arguments.only.split(","):
        (batch, channels, height, width), out_channels, k, stride, padding, groups, offset_groups, masked = SHAPES[name]
        out = [(extent + 2 * padding - k) // stride + 1 for extent in (height, width)]
        points = offset_groups * k * k
        image = torch.randn(batch, channels, height, width)
        offset = torch.randn(batch, 2 * points, *out) * 2
        mask = torch.rand(batch, points, *out) if masked else None
        weight = torch.randn(out_channels, channels // groups, k, k) * 0.1
        bias = torch.randn(out_channels)
        grad_output = torch.randn(batch, out_channels, *out)
        flops = 2 * batch * out_channels * out[0] * out[1] * channels // groups * k * k
        leaves = [tensor for tensor in (image, offset, mask, weight, bias) if tensor is not None]

        def forward():
            return deform_conv2d(image, offset, weight, bias, stride=stride, padding=padding, mask=mask)

        def forward_backward():
            torch.autograd.grad(forward(), leaves, grad_output)

        for what, work, contractions in (("forward", forward, 1), ("forward+backward", forward_backward, 3)):
            for leaf in leaves:
                leaf.requires_grad_(contractions > 1)
            least, median, runs = timed(work, arguments.seconds)
            rate = contractions * flops / least * 1e-6
            print(f"| {name} | {what} | {least:.3f} | {median:.3f} | {rate:.1f} | {runs} |", flush=True)


if __name__ == "__main__":
    main()
