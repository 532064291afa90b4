"""Reads {"file", "ids"} and writes the logits that transformers gives after the ids, and the 20 tokens it goes on with."""
import json
import pathlib
import sys

import torch
import transformers as t

request = json.load(sys.stdin)
file = pathlib.Path(request["file"])
model = t.AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
ids = torch.tensor([request["ids"]])
with torch.no_grad():
    logits = model(ids).logits[0, -1]
    longer = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=20, do_sample=False)
json.dump({"logits": logits.tolist(), "next": longer[0, ids.shape[1] :].tolist()}, sys.stdout)
