"""Runs normalisers and pre-tokenisers of Python's `tokenizers` for the parity tests: reads {"normalisers": [...],
"pre_tokenisers": [...], "texts": [...]} (settings as in tokenizer.json) from standard input; writes texts and words."""

import json
import sys

from tokenizers import Tokenizer

request = json.load(sys.stdin)
model = {"type": "BPE", "vocab": {}, "merges": []}


def stage(kind, settings):
    whole = {"version": "1.0", "added_tokens": [], "model": model, kind: settings}
    return getattr(Tokenizer.from_str(json.dumps(whole)), kind)


def normalised(settings):
    normalizer = stage("normalizer", settings)
    return [normalizer.normalize_str(text) for text in request["texts"]]


def words(settings):
    pre_tokenizer = stage("pre_tokenizer", settings)
    return [[word for word, _ in pre_tokenizer.pre_tokenize_str(text)] for text in request["texts"]]


json.dump(
    [[normalised(s) for s in request["normalisers"]], [words(s) for s in request["pre_tokenisers"]]], sys.stdout
)
