"""PyTorch on the CPU, eager."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import F, contest, encoder, shape, torch, training

model = encoder()
x, y = (torch.randn(shape["batch"], shape["time"], shape["width"]) for _ in range(2))
contest(training(model, lambda: F.mse_loss(model(x), y)))
