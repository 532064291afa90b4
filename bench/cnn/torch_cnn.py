"""PyTorch on the CPU, eager."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import F, contest, nn, shape, torch, training

size, batch = shape["size"], shape["batch"]
first, second = shape["channels"]
model = nn.Sequential(
    nn.Conv2d(1, first, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(first, second, 3, padding=1),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(second * (size // 4) ** 2, shape["hidden"]),
    nn.ReLU(),
    nn.Linear(shape["hidden"], shape["classes"]),
)
x = torch.randn(batch, 1, size, size)
y = torch.randint(0, shape["classes"], (batch,))
contest(training(model, lambda: F.cross_entropy(model(x), y)))
