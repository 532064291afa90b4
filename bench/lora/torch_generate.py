"""PyTorch and transformers: the likeliest tokens after the prompt, one by one."""

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import contest, torch

try:
    from transformers import AutoModelForCausalLM, AutoTokenizer
except ImportError:
    print(json.dumps({"failed": "this python has no transformers"}), flush=True)
    sys.exit(1)

base = os.environ["TORCH_BASE"]
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
ids = AutoTokenizer.from_pretrained(base)(os.environ["PROMPT"], return_tensors="pt")
length = int(os.environ["LENGTH"])


def step():
    with torch.no_grad():
        model.generate(**ids, min_new_tokens=length, max_new_tokens=length, do_sample=False)


contest(step)
