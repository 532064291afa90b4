"""Trains tokenisers with Python's `tokenizers` for the parity tests and the benchmark: reads {"lines": [...], "size": n,
"kinds": [...]} as JSON from standard input and writes, for each kind, its vocabulary, its merges, how many tokens the lines
have, and the seconds that training and encoding took."""

import json
import sys
import time

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

FAIRSEQ = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def bpe(settings):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return tokenizer, trainers.BpeTrainer(initial_alphabet=alphabet, special_tokens=FAIRSEQ, min_frequency=2, **settings)


def wordpiece(settings):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer, trainers.WordPieceTrainer(special_tokens=BERT, min_frequency=2, **settings)


def unigram(settings):
    tokenizer = Tokenizer(models.Unigram())
    steps = [normalizers.NFKC(), normalizers.Replace(Regex("\\s+"), " "), normalizers.Strip()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    words = [pre_tokenizers.Metaspace(), pre_tokenizers.Split(Regex("\\p{P}"), "isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(words)
    return tokenizer, trainers.UnigramTrainer(special_tokens=FAIRSEQ, unk_token="<unk>", **settings)


request = json.load(sys.stdin)
answer = {}
for kind in request["kinds"]:
    tokenizer, trainer = {"bpe": bpe, "wordpiece": wordpiece, "unigram": unigram}[kind](
        {"vocab_size": request["size"], "show_progress": False}
    )
    start = time.time()
    tokenizer.train_from_iterator(request["lines"], trainer)
    trained = time.time()
    encodings = tokenizer.encode_batch(request["lines"], add_special_tokens=False)
    seconds = {"train": trained - start, "encode": time.time() - trained}
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sum(len(encoding.ids) for encoding in encodings)
    answer[kind] = {"vocab": model["vocab"], "merges": model.get("merges", []), "tokens": tokens, "seconds": seconds}
json.dump(answer, sys.stdout)
