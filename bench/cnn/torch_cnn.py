"""PyTorch on the CPU, eager. Same protocol as ../contest/contestant.mjs: one turn for every line read."""

import json
import os
import sys
import time

try:
    import torch
except ImportError:
    print(json.dumps({"failed": "this python has no torch; pip install torch"}), flush=True)
    sys.exit(1)
from torch import nn
from torch.nn import functional as F

shape = json.loads(os.environ["SHAPE"])
settings = json.loads(os.environ["SETTINGS"])
torch.set_num_threads(int(os.environ["THREADS"]))
torch.manual_seed(1)
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
decaying = [p for p in model.parameters() if p.dim() > 1]
others = [p for p in model.parameters() if p.dim() == 1]
optimiser = torch.optim.AdamW(
    [{"params": decaying, "weight_decay": settings["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
    lr=settings["learningRate"],
    betas=(settings["beta1"], settings["beta2"]),
    eps=settings["epsilon"],
)
x = torch.randn(batch, 1, size, size)
y = torch.randint(0, shape["classes"], (batch,))
print(json.dumps({"ready": True}), flush=True)

for _ in sys.stdin:
    started = time.perf_counter()
    for _ in range(shape["steps"]):
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
        optimiser.step()
    print(json.dumps({"ms": (time.perf_counter() - started) * 1000, "loss": loss.item()}), flush=True)
