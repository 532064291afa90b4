"""Answers as JSON with the logits of a causal language model for token ids, alone or with an adapter as PEFT loads it.

Reads {"base": folder, "adapter": folder or null, "ids": [...]}.
"""
import json
import sys
import warnings

import peft
import torch
import transformers

request = json.load(sys.stdin)
model = transformers.AutoModelForCausalLM.from_pretrained(request["base"], dtype=torch.float32)
text = transformers.AutoTokenizer.from_pretrained(request["base"]).decode(request["ids"])
if request["adapter"]:
    with warnings.catch_warnings():
        # Of our own key in adapter_config.json; that weights are missing would be told here too.
        warnings.filterwarnings("ignore", message="Unexpected keyword arguments")
        warnings.filterwarnings("error", message=".*(issing|nexpected) adapter keys.*")
        model = peft.PeftModel.from_pretrained(model, request["adapter"])
with torch.no_grad():
    logits = model.eval()(torch.tensor([request["ids"]])).logits[0]
print(json.dumps({"logits": logits.tolist(), "text": text}))
