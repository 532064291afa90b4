"""Logits of a pre-trained model folder by transformers, for the parity tests: reads {"folder", "model", "ids"} from standard input;
writes the logits of these ids [T] and the names of the weights that the folder lacks or has too many."""

import json
import sys

import torch
import transformers

request = json.load(sys.stdin)
kind = getattr(transformers, request["model"])
model, info = kind.from_pretrained(request["folder"], output_loading_info=True)
tokenizer = transformers.AutoTokenizer.from_pretrained(request["folder"])
with torch.no_grad():
    logits = model.eval()(input_ids=torch.tensor([request["ids"]])).logits
wrong = [*info["missing_keys"], *info["unexpected_keys"]]
json.dump({"logits": logits[0].tolist(), "wrong": wrong, "ids": tokenizer(request["text"])["input_ids"]}, sys.stdout)
