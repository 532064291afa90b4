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
run = json.loads(os.environ["INPUT"])
torch.set_num_threads(int(os.environ["THREADS"]))
torch.manual_seed(1)
width, heads, hidden = shape["width"], shape["heads"], shape["hidden"]
batch, length, repeat = run["batch"], run["time"], run["repeat"]


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


model = nn.Sequential(*(Layer() for _ in range(shape["layers"]))).eval()
x = torch.randn(batch, length, width)
print(json.dumps({"ready": True}), flush=True)

with torch.inference_mode():
    for _ in sys.stdin:
        started = time.perf_counter()
        for _ in range(repeat):
            model(x)
        print(json.dumps({"ms": (time.perf_counter() - started) * 1000}), flush=True)
