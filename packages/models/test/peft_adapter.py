"""Has PEFT put a random adapter on a causal language model, and answers as JSON with its logits for token ids.

Reads {"base": folder, "adapter": folder to write, "settings": of LoraConfig, "ids": [...]}.
"""
import json
import sys

import peft
import torch
import transformers

request = json.load(sys.stdin)
torch.manual_seed(1)
base = transformers.AutoModelForCausalLM.from_pretrained(request["base"], dtype=torch.float32)
model = peft.get_peft_model(base, peft.LoraConfig(task_type="CAUSAL_LM", **request["settings"]))
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            parameter.normal_(std=0.3)
model.save_pretrained(request["adapter"])
with torch.no_grad():
    logits = model.eval()(torch.tensor([request["ids"]])).logits[0]
print(json.dumps({"logits": logits.tolist()}))
