#!/usr/bin/env python3
"""torch's counterpart to `cargo bench --bench sizes`, on the CPU: prints a table in Markdown.

    pip install torch==2.15.0 torchvision==0.29.2 numpy
    benches/torch_sizes.py [--sides 512,4096] [--only plain,deformable] [--threads 2]

The least time of the runs counts. Backward is torch's backward alone, of a graph that is kept.
"""

import argparse
import time

import torch
from torchvision.ops import deform_conv2d

# name: channels, output channels, groups, offset groups
KINDS = {"plain": (3, 1, 1, 0), "grouped": (16, 16, 4, 0), "deformable": (4, 4, 1, 1), "deformable4": (4, 4, 1, 4)}


def least(work, runs):
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", default="512,1024,2048,2700,2900,4096")
    parser.add_argument("--only", default=",".join(KINDS))
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print("| convolution | pass | side | ms | ns a pixel |\n| --- | --- | ---: | ---: | ---: |")
    for name in arguments.only.split(","):
        channels, out_channels, groups, offset_groups = KINDS[name]
        for side in map(int, arguments.sides.split(",")):
            image = torch.randn(1, channels, side, side)
            weight = torch.randn(out_channels, channels // groups, 3, 3) * 0.1
            bias = torch.randn(out_channels)
            leaves = [image, weight, bias]
            if offset_groups:
                points = 9 * offset_groups
                offset = torch.rand(1, 2 * points, side, side) * 4 - 2
                mask = torch.rand(1, points, side, side)
                leaves += [offset, mask]

            def forward():
                if offset_groups:
                    return deform_conv2d(image, offset, weight, bias, padding=1, mask=mask)
                return torch.nn.functional.conv2d(image, weight, bias, padding=1, groups=groups)

            def report(what, seconds):
                row = f"| {name} | {what} | {side} | {seconds * 1e3:.1f} | {seconds * 1e9 / side**2:.0f} |"
                print(row, flush=True)

            report("forward", least(forward, arguments.runs))
            for leaf in leaves:
                leaf.requires_grad_()
            output = forward()
            grad_output = torch.randn_like(output)
            backward = lambda: torch.autograd.grad(output, leaves, grad_output, retain_graph=True)
            report("backward", least(backward, arguments.runs))


if __name__ == "__main__":
    main()
