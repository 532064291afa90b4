"""PyTorch on the CPU, eager."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import F, contest, nn, shape, torch, training

model = nn.LSTM(shape["inputs"], shape["hidden"], batch_first=True, bidirectional=True)
x = torch.randn(shape["batch"], shape["time"], shape["inputs"])
y = torch.randn(shape["batch"], shape["time"], 2 * shape["hidden"])
contest(training(model, lambda: F.mse_loss(model(x)[0], y)))
