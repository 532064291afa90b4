"""Reads {"folder", "texts"} and writes the vectors that its modules.json says, by transformers, as sentence-transformers has them."""
import json
import pathlib
import sys

import torch

from sentence_vectors import sentence_vectors

request = json.load(sys.stdin)
folder = pathlib.Path(request["folder"])
modules = [(m["type"].split(".")[-1], m["path"]) for m in json.loads((folder / "modules.json").read_text())]
pooling = json.loads((folder / dict(modules)["Pooling"] / "config.json").read_text())
assert [name for name, value in pooling.items() if value is True] == ["pooling_mode_mean_tokens"]
longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
vectors = torch.tensor(sentence_vectors(folder, request["texts"], longest))
assert vectors.shape[1] == pooling["word_embedding_dimension"]
json.dump((torch.nn.functional.normalize(vectors, dim=1) if "Normalize" in dict(modules) else vectors).tolist(), sys.stdout)
