"""Reads {"folder", "texts", "longest", "adapter"} and writes the vectors that transformers gives, with the adapter as PEFT loads it if
one is named: the mean of the tokens, not scaled.
"""
import json
import sys
import warnings

import torch
import transformers as t


def sentence_vectors(folder, texts, longest, adapter=None):
    tokenizer = t.BertTokenizerFast.from_pretrained(folder)
    model = t.AutoModel.from_pretrained(folder, dtype=torch.float32)
    if adapter:
        import peft

        with warnings.catch_warnings():
            # Of our own key in adapter_config.json; that weights are missing would be told here too.
            warnings.filterwarnings("ignore", message="Unexpected keyword arguments")
            warnings.filterwarnings("error", message=".*(issing|nexpected) adapter keys.*")
            model = peft.PeftModel.from_pretrained(model, adapter)
    encoded = tokenizer(texts, padding=True, truncation=True, max_length=longest, return_tensors="pt")
    with torch.no_grad():
        states = model.eval()(**encoded).last_hidden_state
    mask = encoded["attention_mask"].unsqueeze(2)
    return ((states * mask).sum(1) / mask.sum(1)).tolist()


if __name__ == "__main__":
    json.dump(sentence_vectors(**json.load(sys.stdin)), sys.stdout)
