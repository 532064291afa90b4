"""Renders conversations with transformers for the parity tests: reads {"templates": [...], "conversations": [...],
"tools": [...]} as JSON from standard input; writes, for each template and conversation, the text without and with the
prompt for an answer, or null where the template refuses."""

import json
import sys

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

request = json.load(sys.stdin)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.BPE()), bos_token="<s>", eos_token="</s>", unk_token="<unk>"
)


def render(template, messages, prompt):
    try:
        return tokenizer.apply_chat_template(
            messages,
            chat_template=template,
            tokenize=False,
            add_generation_prompt=prompt,
            tools=request["tools"] if messages[0].get("tools") else None,
        )
    except Exception:
        return None


json.dump(
    [
        [[render(template, messages, prompt) for prompt in (False, True)] for messages in request["conversations"]]
        for template in request["templates"]
    ],
    sys.stdout,
)
