"""PyTorch and transformers: the model as its folder names it, the mean of its tokens, dropout, a linear head."""

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import F, contest, nn, settings, torch, training

try:
    from transformers import AutoModel
except ImportError:
    print(json.dumps({"failed": "this python has no transformers"}), flush=True)
    sys.exit(1)

data = json.loads(Path(os.environ["DATA"]).read_text())
rows, batches = data["rows"], data["batches"]["random"]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = AutoModel.from_pretrained(os.environ["BASE"])
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(self.network.config.hidden_size, data["classes"])

    def forward(self, ids, mask):
        states = self.network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        return self.head(self.dropout((states * weights).sum(1) / weights.sum(1)))


model = Classifier().train()
place = 0


def loss():
    global place
    some = [rows[row] for row in batches[place % len(batches)]]
    place += 1
    longest = max(len(row["ids"]) for row in some)
    ids = torch.tensor([row["ids"] + [0] * (longest - len(row["ids"])) for row in some])
    mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in some])
    labels = torch.tensor([row["label"] for row in some])
    return F.cross_entropy(model(ids, mask), labels, label_smoothing=settings["smoothing"])


contest(training(model, loss))
