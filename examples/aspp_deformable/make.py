"""Makes block.safetensors: a small ASPPDeformable of BiRefNet, an input, and what torch and torchvision compute of it.

    python -m venv venv && venv/bin/pip install -r requirements.txt && venv/bin/python make.py

Parameters have the names that BiRefNet's checkpoints give them. They are drawn, those of the offsets too, so that samples lie between
pixels and masks are none of 1. The same versions make the same file.
"""

import pathlib

import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from torchvision.ops import deform_conv2d

CHANNELS, PLANES, KERNELS = 4, 5, (1, 3, 7)


class Deformable(nn.Module):
    """Offsets and masks by convolutions of their own; the mask is twice a sigmoid."""

    def __init__(self, channels, planes, kernel):
        super().__init__()
        self.padding = kernel // 2
        same = dict(kernel_size=kernel, padding=self.padding)
        self.offset_conv = nn.Conv2d(channels, 2 * kernel**2, **same)
        self.modulator_conv = nn.Conv2d(channels, kernel**2, **same)
        self.regular_conv = nn.Conv2d(channels, planes, bias=False, **same)

    def forward(self, x):
        mask = 2 * torch.sigmoid(self.modulator_conv(x))
        return deform_conv2d(x, self.offset_conv(x), self.regular_conv.weight, padding=self.padding, mask=mask)


class Branch(nn.Module):
    def __init__(self, kernel):
        super().__init__()
        self.atrous_conv = Deformable(CHANNELS, PLANES, kernel)
        self.bn = nn.BatchNorm2d(PLANES)

    def forward(self, x):
        return functional.relu(self.bn(self.atrous_conv(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.aspp1 = Branch(1)
        self.aspp_deforms = nn.ModuleList(Branch(kernel) for kernel in KERNELS)
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(CHANNELS, PLANES, 1, bias=False), nn.BatchNorm2d(PLANES)]
        self.global_avg_pool = nn.Sequential(*pooled, nn.ReLU())
        self.conv1 = nn.Conv2d(PLANES * (2 + len(KERNELS)), CHANNELS, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(CHANNELS)

    def forward(self, x):
        branches = [self.aspp1(x), *(branch(x) for branch in self.aspp_deforms)]
        size = x.shape[2:]
        pooled = functional.interpolate(self.global_avg_pool(x), size=size, mode="bilinear", align_corners=True)
        return functional.relu(self.bn1(self.conv1(torch.cat([*branches, pooled], 1))))


def main():
    torch.manual_seed(1)
    block = Block().eval()
    for name, tensor in block.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2)
        elif name.endswith("num_batches_tracked"):
            continue
        elif ".offset_conv." in name or ".modulator_conv." in name:
            # Offsets of a pixel or two, whatever the kernel.
            terms = tensor[0].numel() if tensor.dim() == 4 else 1
            tensor.normal_(0, 1.5 / terms**0.5)
        else:
            tensor.normal_(0, 0.7)
    x = torch.randn(2, CHANNELS, 13, 11)
    # In f64, and so without rounding to speak of.
    with torch.no_grad():
        output = block.double()(x.double()).float()
    tensors = {name: tensor.float() for name, tensor in block.state_dict().items() if tensor.dim() > 0}
    metadata = {"source": f"torch {torch.__version__}, torchvision {torchvision.__version__}"}
    save_file(tensors | {"x": x, "output": output}, pathlib.Path(__file__).with_name("block.safetensors"), metadata)


main()
