"""Reads {"folder", "texts", "longest"} and writes the vectors that transformers gives: the mean of the tokens, not scaled."""
import json
import sys

import torch
import transformers as t


def sentence_vectors(folder, texts, longest):
    tokenizer = t.BertTokenizerFast.from_pretrained(folder)
    model = t.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    with torch.no_grad():
        states = model(**encoded).last_hidden_state
    mask = encoded["attention_mask"].unsqueeze(2)
    return ((states * mask).sum(1) / mask.sum(1)).tolist()


if __name__ == "__main__":
    json.dump(sentence_vectors(**json.load(sys.stdin)), sys.stdout)
