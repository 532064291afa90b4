"""PyTorch, transformers and PEFT: LoRA of the model on batches of conversations padded to the longest, loss on answers only."""

import json
import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "contest"))

from torch_contest import contest, settings, torch, training

try:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
except ImportError:
    print(json.dumps({"failed": "this python has no transformers or peft"}), flush=True)
    sys.exit(1)

data = json.loads(Path(os.environ["DATA"]).read_text())
chats, batches = data["chats"], data["padded"]
base = AutoModelForCausalLM.from_pretrained(os.environ["TORCH_BASE"], dtype=torch.float32)
names = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
rank = data["rank"]
model = get_peft_model(base, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=names, task_type="CAUSAL_LM")).train()
place = 0


def loss():
    global place
    some = [chats[one] for [one] in batches[place % len(batches)]]
    place += 1
    longest = max(len(chat["ids"]) for chat in some)
    pad = lambda values, filler: values + [filler] * (longest - len(values))
    ids = torch.tensor([pad(chat["ids"], 0) for chat in some])
    mask = torch.tensor([pad([1] * len(chat["ids"]), 0) for chat in some])
    labels = [[id if learnt else -100 for id, learnt in zip(chat["ids"], chat["learnt"])] for chat in some]
    return model(input_ids=ids, attention_mask=mask, labels=torch.tensor([pad(row, -100) for row in labels])).loss


class Trained:
    """What the optimiser is to see: the adapters only."""

    def parameters(self):
        return (parameter for parameter in model.parameters() if parameter.requires_grad)


contest(training(Trained(), loss))
