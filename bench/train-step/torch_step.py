"""PyTorch on the CPU, eager. Same protocol as ../contest/contestant.mjs: one step for every line read."""

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
width, heads, hidden = shape["width"], shape["heads"], shape["hidden"]
batch, length = shape["batch"], shape["time"]


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        split = lambda h: h.view(batch, length, heads, -1).transpose(1, 2)
        attended = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        x = self.norm1(x + self.o(attended.transpose(1, 2).reshape(batch, length, width)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


model = nn.Sequential(*(Layer() for _ in range(shape["layers"])))
decaying = [p for p in model.parameters() if p.dim() == 2]
others = [p for p in model.parameters() if p.dim() != 2]
optimiser = torch.optim.AdamW(
    [{"params": decaying, "weight_decay": settings["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
    lr=settings["learningRate"],
    betas=(settings["beta1"], settings["beta2"]),
    eps=settings["epsilon"],
)
x, y = torch.randn(batch, length, width), torch.randn(batch, length, width)
print(json.dumps({"ready": True}), flush=True)

for _ in sys.stdin:
    started = time.perf_counter()
    optimiser.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
    optimiser.step()
    print(json.dumps({"ms": (time.perf_counter() - started) * 1000, "loss": loss.item()}), flush=True)
