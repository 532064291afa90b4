"""Makes the fixtures of the parity tests: tiny models with random weights, and what the reference implementation says of them.

    pip install torch transformers safetensors tokenizers
    python packages/models/test/make_fixtures.py

Every folder of test/fixtures and test/fixtures/decoders has config.json, model.safetensors and expected.json: token ids, mask and the last hidden states, and
the logits of decoders.
"""
import json
import pathlib
import shutil

import tokenizers
import torch
import transformers as t
from sentence_vectors import sentence_vectors

root = pathlib.Path(__file__).parent / "fixtures"
small = dict(
    vocab_size=30, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=12
)
# The window of local layers is narrower than the texts.
modern_bert = lambda settings: t.ModernBertConfig(
    **{**small, "num_hidden_layers": 4 if "layer_types" not in settings else 2},
    **settings,
    local_attention=4,
    pad_token_id=1,
    bos_token_id=0,
    eos_token_id=2,
    cls_token_id=0,
    sep_token_id=2,
)
encoders = {
    "bert": lambda: t.BertModel(t.BertConfig(**small)),
    "bert-masked-lm": lambda: t.BertForMaskedLM(t.BertConfig(**small)),
    "roberta": lambda: t.RobertaModel(t.RobertaConfig(**{**small, "max_position_embeddings": 14, "type_vocab_size": 1})),
    "xlm-roberta": lambda: t.XLMRobertaForMaskedLM(
        t.XLMRobertaConfig(**{**small, "max_position_embeddings": 14, "type_vocab_size": 1})
    ),
    "distilbert": lambda: t.DistilBertModel(
        t.DistilBertConfig(vocab_size=30, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=12)
    ),
    "electra": lambda: t.ElectraForPreTraining(t.ElectraConfig(**small, embedding_size=8)),
    "albert": lambda: t.AlbertModel(t.AlbertConfig(**small, embedding_size=8)),
    "modernbert": lambda: t.ModernBertModel(modern_bert(dict(norm_bias=False))),
    "modernbert-biases": lambda: t.ModernBertForMaskedLM(
        modern_bert(dict(norm_bias=True, attention_bias=True, mlp_bias=True, layer_types=["sliding_attention", "full_attention"]))
    ),
}
ids = torch.tensor([[2, 7, 11, 29, 5, 3, 8, 9], [4, 6, 13, 21, 3, 1, 1, 1]])
mask = torch.tensor([[1] * 8, [1] * 5 + [0] * 3])


def save(name, model, expected, root=root):
    folder = root / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "expected.json").write_text(json.dumps(expected) + "\n")
    (folder / "generation_config.json").unlink(missing_ok=True)


def randomise(model):
    """Weights large enough that every part of the network shows, biases and scales too."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)


for number, (name, make) in enumerate(encoders.items()):
    torch.manual_seed(number)
    model = make().eval()
    randomise(model)
    with torch.no_grad():
        states = model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[-1]
    save(name, model, dict(ids=ids.tolist(), mask=mask.tolist(), hidden=[[round(x, 7) for x in row] for row in states.reshape(-1, 16).tolist()]))

# A whole folder, tokeniser included, for tests of what is done with one: its tokens are letters.
torch.manual_seed(100)
letters = "abcdefghijklmnopqrstuvwxyz"
tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *("##" + letter for letter in letters)]
model = t.BertModel(t.BertConfig(**{**small, "vocab_size": len(tokens), "max_position_embeddings": 32}))
randomise(model)
folder = root / "letters"
shutil.rmtree(folder, ignore_errors=True)
model.save_pretrained(folder)
(folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
(folder / "tokenizer_config.json").write_text(json.dumps(dict(tokenizer_class="BertTokenizer", do_lower_case=True)) + "\n")
texts = ["Where is my card?", "", "a longer text of several words that is cut after thirty-two tokens", "zz", "card"]
vectors = [[round(x, 6) for x in row] for row in sentence_vectors(folder, texts, longest=32)]
(folder / "vectors.json").write_text(json.dumps(dict(texts=texts, vectors=vectors)) + "\n")

# A decoder with its tokeniser, whose tokens are bytes.
torch.manual_seed(101)
byte_level = tokenizers.pre_tokenizers.ByteLevel
end = "<|end|>"
tokeniser = tokenizers.Tokenizer(
    tokenizers.models.BPE({**{c: i for i, c in enumerate(sorted(byte_level.alphabet()))}, "er": 256, "Ġt": 257, '":': 258}, [("e", "r"), ("Ġ", "t"), ('"', ":")])
)
tokeniser.pre_tokenizer = byte_level(add_prefix_space=False)
tokeniser.decoder = tokenizers.decoders.ByteLevel()
tokeniser.add_special_tokens([end])
model = t.LlamaForCausalLM(
    t.LlamaConfig(**{**small, "vocab_size": 260, "max_position_embeddings": 320}, eos_token_id=259, tie_word_embeddings=True)
)
randomise(model)
folder = root / "writer"
shutil.rmtree(folder, ignore_errors=True)
model.save_pretrained(folder)
(folder / "generation_config.json").unlink()
tokeniser.save(str(folder / "tokenizer.json"))
template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
(folder / "tokenizer_config.json").write_text(json.dumps(dict(eos_token=end, chat_template=template)) + "\n")

llama = dict(**small, num_key_value_heads=1, tie_word_embeddings=False, rope_theta=5000.0)
decoders = {
    "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=30, n_embd=16, n_layer=2, n_head=2, n_positions=12)),
    "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**llama)),
    "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**{**llama, "tie_word_embeddings": True, "sliding_window": 10})),
    "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**llama)),
    "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**{**llama, "head_dim": 12})),
    "llama-linear": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(**{**llama, "rope_parameters": dict(rope_type="linear", factor=4.0, rope_theta=5000.0)})
    ),
    "llama3": lambda: t.LlamaForCausalLM(
        t.LlamaConfig(
            **{
                **llama,
                "rope_parameters": dict(
                    rope_type="llama3",
                    rope_theta=50.0,
                    factor=8.0,
                    low_freq_factor=1.0,
                    high_freq_factor=4.0,
                    original_max_position_embeddings=40,
                ),
            }
        )
    ),
}
for number, (name, make) in enumerate(decoders.items()):
    torch.manual_seed(200 + number)
    model = make().eval()
    randomise(model)
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
    rounded = lambda x: [[round(value, 7) for value in row] for row in x.flatten(0, 1).tolist()]
    save(
        name,
        model,
        dict(ids=ids.tolist(), mask=mask.tolist(), hidden=rounded(out.hidden_states[-1]), logits=rounded(out.logits)),
        root / "decoders",
    )
