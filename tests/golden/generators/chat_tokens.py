#!/usr/bin/env python3
"""Writes tests/golden/chat_tokens.json: the ids of conversations and which of them the assistant wrote, with the small
tokenizers of tests/golden/tokenizers (pip install transformers jinja2 tokenizers).

For a template with {% generation %} the mask is transformers' assistant mask. For others it is TRL's rule for a prompt
and its completion, at each turn: the ids of the messages before it with the generation prompt are a prefix of the ids
of the messages up to it, and what follows is learnt.
"""
import json

from transformers import PreTrainedTokenizerFast

from chat import CONVERSATIONS, ROOT, TEMPLATES, TOKENS

PAIRS = (("smollm2", "marked"), ("qwen2", "marked"), ("llama2", "marked"), ("smollm2", "chatml"), ("qwen2", "chatml"),
         ("llama2", "llama2"), ("llama3", "zephyr"), ("metaspace_always", "phi3"), ("mistral", "gemma3"))
CHATS = ("answered", "turns", "odd", "system")


def tokenizer_of(family):
    """The tokenizer as its file has it: it would take other special tokens into its vocabulary."""
    file = str(ROOT / "golden/tokenizers" / family / "tokenizer.json")
    known = PreTrainedTokenizerFast(tokenizer_file=file).get_vocab()
    return PreTrainedTokenizerFast(tokenizer_file=file, **{name: token for name, token in TOKENS.items() if token in known})


def ids_of(tokenizer, template, messages, prompt=False):
    text = tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=prompt, tokenize=False, **TOKENS)
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def learnt(tokenizer, template, messages):
    if "{%- generation" in template:
        made = tokenizer.apply_chat_template(messages, chat_template=template, tokenize=True, return_dict=True,
                                             return_assistant_tokens_mask=True, **TOKENS)
        return made["input_ids"], made["assistant_masks"]
    ids = ids_of(tokenizer, template, messages)
    mask = [0] * len(ids)
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        before, after = ids_of(tokenizer, template, messages[:i], True), ids_of(tokenizer, template, messages[:i + 1])
        if ids[:len(before)] != before or ids[:len(after)] != after:
            return ids, None  # the ids at the border differ, so this rule does not apply
        mask[len(before):len(after)] = [1] * (len(after) - len(before))
    return ids, mask


def main():
    cases, left_out = [], 0
    for family, name in PAIRS:
        tokenizer = tokenizer_of(family)
        for chat in CHATS:
            ids, mask = learnt(tokenizer, TEMPLATES[name], CONVERSATIONS[chat]["messages"])
            left_out += mask is None
            if mask is not None:
                cases.append({"tokenizer": family, "template": name, "conversation": chat, "ids": ids, "learnt": "".join(map(str, mask))})
    path = ROOT / "golden/chat_tokens.json"
    path.write_text(json.dumps(cases, separators=(",", ":")).replace('{"tokenizer"', '\n{"tokenizer"') + "\n")
    print(f"{len(cases)} conversations, {left_out} left out; {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
