"""Makes the fixtures of the parity tests of adapters: PEFT's files for the bases of make_fixtures.py, and what PEFT says of them.

    pip install torch transformers peft
    python packages/models/test/make_adapter_fixtures.py

Every folder of test/fixtures/adapters has adapter_config.json, adapter_model.safetensors and expected.json: the last hidden
states for the token ids and mask in the base's own expected.json.
"""
import json
import pathlib
import shutil

import peft
import torch
import transformers as t

root = pathlib.Path(__file__).parent / "fixtures"
adapters = {
    "bert-lora": (
        "bert",
        t.AutoModel,
        dict(
            r=4, lora_alpha=6, lora_dropout=0.1, target_modules=["query", "value"],
            rank_pattern={"layer.0.attention.self.query": 2}, alpha_pattern={"^encoder.layer.1.attention.self.value": 3},
        ),
    ),
    "bert-dora": ("bert", t.AutoModel, dict(r=3, lora_alpha=2, target_modules="all-linear", use_dora=True, use_rslora=True)),
    "bert-classifier": (
        "bert",
        t.AutoModelForSequenceClassification,
        dict(r=2, target_modules=["key", "output.dense"], task_type="SEQ_CLS", modules_to_save=["classifier", "LayerNorm"]),
    ),
    "distilbert-lora": ("distilbert", t.AutoModel, dict(r=4, target_modules=r".*\.1\..*(q_lin|lin1)", layers_to_transform=None)),
    "albert-dora": ("albert", t.AutoModel, dict(r=2, target_modules=["query", "ffn"], use_dora=True)),
}


def randomise(model):
    """Adapters, and modules that are saved, all of which show."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                size = 0.05 if "magnitude" in name else 0.3
                parameter.add_(torch.randn_like(parameter) * size)


for number, (name, (base, auto, settings)) in enumerate(adapters.items()):
    torch.manual_seed(100 + number)
    given = json.loads((root / base / "expected.json").read_text())
    model = peft.get_peft_model(auto.from_pretrained(root / base), peft.LoraConfig(**settings)).eval()
    randomise(model)
    with torch.no_grad():
        states = model(
            input_ids=torch.tensor(given["ids"]), attention_mask=torch.tensor(given["mask"]), output_hidden_states=True
        ).hidden_states[-1]
    folder = root / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = base
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    hidden = [[round(x, 7) for x in row] for row in states.reshape(-1, 16).tolist()]
    (folder / "expected.json").write_text(json.dumps(dict(base=base, hidden=hidden)) + "\n")
