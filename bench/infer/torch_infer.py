"""PyTorch on the CPU, eager."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import contest, encoder, shape, torch

model = encoder().eval()
x = torch.randn(shape["batch"], shape["time"], shape["width"])


def run():
    model(x)


with torch.inference_mode():
    contest(run)
