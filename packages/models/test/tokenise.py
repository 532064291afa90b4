"""Runs Python's `tokenizers` on a tokenizer.json for the parity tests: reads a request as JSON from standard input
({"file": path, "texts": [...], "pairs": [[a, b], ...], "words": [[...]], "max": n or null}) and writes ids and texts."""

import json
import sys

from tokenizers import Tokenizer

request = json.load(sys.stdin)
tokenizer = Tokenizer.from_file(request["file"])
tokenizer.no_padding()
tokenizer.no_truncation()
if request.get("max"):
    tokenizer.enable_truncation(request["max"])
texts = [tokenizer.encode(text) for text in request.get("texts", [])]
pairs = [tokenizer.encode(*pair) for pair in request.get("pairs", [])]
words = [tokenizer.encode(words, is_pretokenized=True) for words in request.get("words", [])]
json.dump(
    {
        "texts": [encoding.ids for encoding in texts],
        "bare": [tokenizer.encode(text, add_special_tokens=False).ids for text in request.get("texts", [])],
        "decoded": [tokenizer.decode(encoding.ids) for encoding in texts],
        "pairs": [[encoding.ids, encoding.type_ids] for encoding in pairs],
        "words": [[encoding.ids, [-1 if w is None else w for w in encoding.word_ids]] for encoding in words],
    },
    sys.stdout,
)
