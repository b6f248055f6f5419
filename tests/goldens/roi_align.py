"""Makes the cases of this folder that torchvision's roi_align and ps_roi_align are the measure of.

    python -m venv venv && venv/bin/pip install torch==2.15.0 torchvision==0.29.2 && venv/bin/python roi_align.py

torchvision runs in f64 on numbers that f32 holds; the same versions make the same files. Tolerances are for f32: what summing in it may lose,
and what rounding the positions does.
"""

import json
import pathlib
import struct

import torch
import torchvision
from torchvision.ops import ps_roi_align, roi_align

FOLDER = pathlib.Path(__file__).parent


def write(name, op, shape, corners, pooled, scale, ratio, aligned=True):
    generator = torch.Generator().manual_seed(sum(map(ord, name)))
    batch, channels, height, width = shape
    values = lambda *shape: torch.randn(*shape, generator=generator).double()
    input, rois = values(*shape), torch.tensor(corners, dtype=torch.float64)

    def run(input, grad):
        input = input.clone().requires_grad_()
        if op == "roi_align":
            output = roi_align(input, rois, pooled, scale, ratio, aligned)
        else:
            output = ps_roi_align(input, rois, pooled, scale, ratio)
        if grad is None:
            grad = values(*output.shape)
        output.backward(grad)
        return output.detach(), input.grad, grad

    output, grad_input, grad = run(input, None)
    absolute, absolute_grad, _ = run(input.abs(), grad.abs())
    attributes = {
        "format": "deform-conformance/1",
        "name": name,
        "op": op,
        "dialect": "torchvision",
        "source": "torchvision",
        "source_version": torchvision.__version__.split("+")[0],
        "kind": "run",
        "dtype": "f64",
        "pooled_height": str(pooled[0]),
        "pooled_width": str(pooled[1]),
        "spatial_scale": str(scale),
        "sampling_ratio": str(ratio),
    }
    if op == "roi_align":
        attributes["aligned"] = str(aligned).lower()
    for tensor, scale_of in [("output", absolute), ("grad_input", absolute_grad)]:
        terms = 4 * height * width
        bound = 4 * (16 + 2 * terms**0.5 + 2 * (height + width)) * 2**-24 * scale_of.max().item()
        attributes |= {f"atol.{tensor}": f"{bound:.3e}", f"rtol.{tensor}": "1e-05"}
    tensors = {"input": input, "rois": rois, "grad_output": grad, "expect.output": output, "expect.grad_input": grad_input}
    header, data = {"__metadata__": attributes}, b""
    for key, tensor in tensors.items():
        raw = tensor.contiguous().numpy().astype("<f8").tobytes()
        header[key] = {"dtype": "F64", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (FOLDER / name).with_suffix(".safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


# Inside, across each edge, beyond it, a fraction of a pixel, all of the image, reversed, empty.
ROIS = [
    [0, 2.25, 1.5, 9.75, 8.125],
    [1, -3.5, -2.25, 4.5, 6.75],
    [1, 7.0, 5.0, 30.0, 26.5],
    [0, 40.0, 40.0, 50.0, 60.0],
    [1, 5.125, 6.25, 5.375, 6.625],
    [0, 0.0, 0.0, 18.0, 16.0],
    [0, 9.5, 8.0, 3.25, 2.0],
    [1, 4.0, 4.0, 4.0, 4.0],
]

write("torchvision-roi-align-adaptive", "roi_align", (2, 3, 8, 9), ROIS, (3, 2), 0.5, -1, False)
write("torchvision-roi-align-fixed", "roi_align", (2, 3, 8, 9), ROIS, (2, 4), 0.5, 2, False)
write("torchvision-roi-align-aligned-adaptive", "roi_align", (2, 3, 8, 9), ROIS, (3, 2), 0.5, 0, True)
write("torchvision-roi-align-aligned-fixed", "roi_align", (2, 3, 8, 9), ROIS, (7, 7), 0.5, 3, True)
write("torchvision-ps-roi-align-fixed", "ps_roi_align", (2, 18, 8, 9), ROIS, (3, 2), 0.5, 2)
# A reversed or an empty RoI divides 0 by 0 there.
write("torchvision-ps-roi-align-adaptive", "ps_roi_align", (2, 12, 8, 9), ROIS[:6], (2, 3), 0.5, -1)
