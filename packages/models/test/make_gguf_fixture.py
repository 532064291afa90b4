"""Writes test/weights/llama3.gguf: the model of fixtures/decoders/llama3 as llama.cpp's converter lays it out.

    pip install gguf safetensors
    python packages/models/test/make_gguf_fixture.py

The rows of queries and keys have the two numbers of a rotary pair beside each other, and rope_freqs.weight holds what the frequencies of
the pairs are divided by.
"""
import json
import math
import pathlib

import gguf
import numpy as np
from safetensors.numpy import load_file

root = pathlib.Path(__file__).parent
folder = root / "fixtures" / "decoders" / "llama3"
config = json.loads((folder / "config.json").read_text())
rope = config["rope_parameters"]
heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
width = config["hidden_size"] // heads

writer = gguf.GGUFWriter(root / "weights" / "llama3.gguf", "llama")
writer.add_context_length(config["max_position_embeddings"])
writer.add_embedding_length(config["hidden_size"])
writer.add_block_count(config["num_hidden_layers"])
writer.add_feed_forward_length(config["intermediate_size"])
writer.add_head_count(heads)
writer.add_head_count_kv(key_heads)
writer.add_rope_dimension_count(width)
writer.add_rope_freq_base(rope["rope_theta"])
writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("llama-bpe")
writer.add_token_list([chr(ord("A") + token) for token in range(config["vocab_size"] - 2)] + ["AB", "<|end|>"])
writer.add_token_types([gguf.TokenType.NORMAL] * (config["vocab_size"] - 1) + [gguf.TokenType.CONTROL])
writer.add_token_merges(["A B"])
writer.add_eos_token_id(config["vocab_size"] - 1)


def divisor(frequency):
    turns = rope["original_max_position_embeddings"] * frequency / (2 * math.pi)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = min(1, max(0, (turns - low) / (high - low)))
    return 1 / (share + (1 - share) / rope["factor"])


writer.add_tensor(
    "rope_freqs.weight",
    np.array([divisor(rope["rope_theta"] ** (-2 * pair / width)) for pair in range(width // 2)], dtype=np.float32),
)
names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config["num_hidden_layers"])
for name, tensor in sorted(load_file(folder / "model.safetensors").items()):
    count = heads if "q_proj" in name else key_heads if "k_proj" in name else 0
    if count:
        tensor = tensor.reshape(count, 2, width // 2, -1).swapaxes(1, 2).reshape(tensor.shape)
    writer.add_tensor(names.get_name(name, try_suffixes=(".weight",)), np.ascontiguousarray(tensor))
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
