"""Prints as JSON the last hidden states of a base with an adapter, as PEFT loads them.

    python packages/models/test/peft_states.py <base folder> <adapter folder> <class of the base in transformers>

Token ids and mask are those of the base's expected.json.
"""
import json
import pathlib
import sys
import warnings

import peft
import torch
import transformers as t

base, adapter = map(pathlib.Path, sys.argv[1:3])
given = json.loads((base / "expected.json").read_text())
with warnings.catch_warnings():
    # Of our own key in adapter_config.json; that weights are missing would be told here too.
    warnings.filterwarnings("ignore", message="Unexpected keyword arguments")
    warnings.filterwarnings("error", message=".*(issing|nexpected) adapter keys.*")
    model = peft.PeftModel.from_pretrained(getattr(t, sys.argv[3]).from_pretrained(base), adapter).eval()
with torch.no_grad():
    states = model(
        input_ids=torch.tensor(given["ids"]), attention_mask=torch.tensor(given["mask"]), output_hidden_states=True
    ).hidden_states[-1]
print(json.dumps(states.reshape(-1, states.shape[-1]).tolist()))
