"""What the PyTorch contestants share. Same protocol as contestant.mjs: a turn of STEPS steps for every line read."""

import json
import os
import sys
import time

try:
    import torch
except ImportError:
    print(json.dumps({"failed": "this python has no torch"}), flush=True)
    sys.exit(1)
from torch import nn
from torch.nn import functional as F

shape = json.loads(os.environ["SHAPE"])
settings = json.loads(os.environ.get("SETTINGS", "{}"))
torch.set_num_threads(int(os.environ["THREADS"]))
torch.manual_seed(1)


def contest(step):
    """Says it is ready, then takes its turns. `step()` returns the loss, or None where it has none."""
    steps = int(os.environ["STEPS"])
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        for _ in range(steps):
            loss = step()
        value = None if loss is None else loss.item()
        print(json.dumps({"ms": (time.perf_counter() - started) * 1000 / steps, "loss": value}), flush=True)


def training(model, loss):
    """A step of AdamW that decays matrices, with clipping by global norm. `loss()` gives the loss of the model on a batch."""
    decaying = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decaying, "weight_decay": settings["weightDecay"]}, {"params": others, "weight_decay": 0.0}],
        lr=settings["learningRate"],
        betas=(settings["beta1"], settings["beta2"]),
        eps=settings["epsilon"],
    )

    def step():
        optimiser.zero_grad(set_to_none=True)
        value = loss()
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings["clip"])
        optimiser.step()
        return value

    return step


class EncoderLayer(nn.Module):
    """Of the encoder in encoder.mjs: fused attention, norms behind the residual sums. [B, T, width] -> the same shape."""

    def __init__(self):
        super().__init__()
        width, hidden = shape["width"], shape["hidden"]
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        split = lambda h: h.view(*h.shape[:2], shape["heads"], -1).transpose(1, 2)
        attended = F.scaled_dot_product_attention(split(self.q(x)), split(self.k(x)), split(self.v(x)))
        x = self.norm1(x + self.o(attended.transpose(1, 2).reshape(x.shape)))
        return self.norm2(x + self.down(F.gelu(self.up(x))))


def encoder():
    return nn.Sequential(*(EncoderLayer() for _ in range(shape["layers"])))
