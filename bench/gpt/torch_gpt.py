"""PyTorch on the CPU, eager, with its fused attention."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import F, contest, nn, shape, torch, training

width, heads, vocabulary = shape["width"], shape["heads"], shape["vocabulary"]
batch, length = shape["batch"], shape["context"]


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x):
        q, k, v = (h.view(batch, length, heads, -1).transpose(1, 2) for h in self.qkv(self.norm1(x)).split(width, dim=2))
        attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(attended.transpose(1, 2).contiguous().view(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
        self.layers = nn.Sequential(*(Layer() for _ in range(shape["layers"])))
        self.norm = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, labels):
        x = self.tokens(ids) + self.places(torch.arange(length))
        logits = F.linear(self.norm(self.layers(x)), self.tokens.weight)
        return F.cross_entropy(logits.view(-1, vocabulary), labels.view(-1))


model = Model()


def loss():
    text = torch.randint(vocabulary, (batch * length + 1,))
    return model(text[:-1].view(batch, length), text[1:].view(batch, length))


contest(training(model, loss))
