"""PyTorch on the CPU, eager. Same protocol as contestant.mjs: one step for every line read."""

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

model = nn.LSTM(shape["inputs"], shape["hidden"], batch_first=True, bidirectional=True)
optimiser = torch.optim.AdamW(
    model.parameters(),
    lr=settings["learningRate"],
    weight_decay=settings["weightDecay"],
    betas=(settings["beta1"], settings["beta2"]),
    eps=settings["epsilon"],
)
x = torch.randn(shape["batch"], shape["steps"], shape["inputs"])
y = torch.randn(shape["batch"], shape["steps"], 2 * shape["hidden"])
print(json.dumps({"ready": True}), flush=True)

for _ in sys.stdin:
    started = time.perf_counter()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x)[0], y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
    optimiser.step()
    print(json.dumps({"ms": (time.perf_counter() - started) * 1000, "loss": loss.item()}), flush=True)
