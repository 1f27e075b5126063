#!/usr/bin/env python3
"""Writes tests/golden/chat.json: conversations as transformers' apply_chat_template writes them, and expressions of chat
templates as transformers' environment of Jinja computes them (pip install transformers jinja2 tokenizers).

    chat.py [OUTPUT]
"""
import datetime
import json
import pathlib
import sys

import jinja2
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils as utils

from chat_snippets import SNIPPETS, VARIABLES

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Small templates of the families' kinds.
TEMPLATES = {path.stem: path.read_text() for path in sorted((ROOT / "golden/generators/chat_templates").glob("*.jinja"))}
NOW = datetime.datetime(2024, 3, 5, 14, 7, 9)


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def say(role, content, **more):
    return {"role": role, "content": content, **more}


WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather \"now\", caf\u00e9 & <b>",
    "parameters": {"type": "object", "properties": {
        "place": {"type": "string", "description": "where"}, "days": {"type": "array", "items": {"type": "integer"}},
        "unit": {"type": ["string", "integer"], "enum": ["C", "F"]}, "opts": {"type": "object", "additionalProperties": {"type": "number"}},
        "other": {"type": "null"}}, "required": ["place", "days"]},
    "return": {"type": "boolean"}}}
CALL = {"id": "abcdefghi", "type": "function", "function": {"name": "weather", "arguments": {"place": "Oslo", "days": [1, 2.5, True, None]}}}
CONVERSATIONS = {
    "one": {"messages": [say("user", "Hello")]},
    "answered": {"messages": [say("user", "  What is 2+2? \n"), say("assistant", "\n 4 \n")]},
    "system": {"messages": [say("system", " Be brief. "), say("user", "Hi"), say("assistant", "Hi!"), say("user", "Bye")]},
    "turns": {"messages": [say("user", "a"), say("assistant", "b"), say("user", "c"), say("assistant", "d"), say("user", "e"),
                           say("assistant", "f")]},
    "odd": {"messages": [say("user", ""), say("assistant", "{{ x }} {% if %} <|im_end|>\t\u00a0\u2003"),
                         say("user", "caf\u00e9 \u4f60\u597d \U0001f600 \"q\" 'q' \\n \r\n\x0b end"), say("assistant", "\ufeff\u200b")]},
    "two users": {"messages": [say("user", "a"), say("user", "b")]},
    "assistant first": {"messages": [say("assistant", "a"), say("user", "b")]},
    "system later": {"messages": [say("user", "a"), say("assistant", "b"), say("system", "c"), say("user", "d")]},
    "no content": {"messages": [say("user", "a"), {"role": "assistant"}]},
    "null content": {"messages": [say("user", "a"), say("assistant", None)]},
    "no role": {"messages": [{"content": "a"}]},
    "number": {"messages": [say("user", 12)]},
    "parts": {"messages": [say("system", [{"type": "text", "text": "Sys"}]), say("user", [{"type": "image"}, {"type": "text", "text": " see "}]),
                           say("assistant", [{"type": "text", "text": "seen"}])]},
    "think": {"messages": [say("user", "a"), say("assistant", "<think>\nhm\n</think>\n\nb"), say("user", "c"),
                           say("assistant", "<think>\nso\n</think>\n\nd")]},
    "reasoning": {"messages": [say("user", "a"), say("assistant", "b", thinking="because")]},
    "tools": {"messages": [say("user", "Rain?")], "tools": [WEATHER, WEATHER["function"]]},
    "call": {"messages": [say("system", "s"), say("user", "Rain?"), {"role": "assistant", "tool_calls": [CALL]},
                          say("tool", "yes \u2614"), say("assistant", "It rains."), say("user", "Thanks")], "tools": [WEATHER]},
    "two calls": {"messages": [say("user", "Rain?"), {"role": "assistant", "content": "", "tool_calls": [CALL, {**CALL, "id": "x"}]}]},
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def make_tokenizer():
    """A token for each character, so that offsets are positions in the text."""
    tokenizer = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **TOKENS)


def error_of(error):
    """What a test compares: the message of raise_exception and of undefined values, of others only that there is one."""
    if type(error) is jinja2.exceptions.TemplateError:
        return {"raised": str(error)}
    if type(error) is jinja2.exceptions.UndefinedError:
        return {"undefined": str(error)}
    return {"error": type(error).__name__}


def rendered(tokenizer, template, conversation, prompt):
    try:
        return tokenizer.apply_chat_template(conversation["messages"], tools=conversation.get("tools"), chat_template=template,
                                             add_generation_prompt=prompt, tokenize=False)
    except Exception as error:
        return error_of(error)


def spans(template, conversation):
    """The parts that {% generation %} marks, in bytes."""
    messages = utils._normalize_chat_messages(conversation["messages"])
    texts, indices = utils.render_jinja_template([messages], chat_template=template, return_assistant_tokens_mask=True, **TOKENS)
    return [[len(texts[0][:at].encode()) for at in span] for span in indices[0]]


def snippet(source):
    try:
        return utils._compile_jinja_template(source).render(**VARIABLES)
    except Exception as error:
        return error_of(error)


def main():
    utils.datetime = Clock
    tokenizer = make_tokenizer()
    cases = [{"template": name, "conversation": chat, "prompt": prompt, "result": rendered(tokenizer, template, CONVERSATIONS[chat], prompt)}
             for name, template in TEMPLATES.items() for chat in CONVERSATIONS for prompt in (False, True)]
    same = {}  # most results with the generation prompt only add it
    for case in cases:
        key = case["template"], case["conversation"]
        if not case["prompt"]:
            same[key] = case["result"]
        elif isinstance(case["result"], str) and isinstance(same[key], str) and case["result"].startswith(same[key]):
            case["added"] = case.pop("result")[len(same[key]):]
        elif case["result"] == same[key]:
            case.pop("result")
    golden = {"tokens": TOKENS, "now": NOW.isoformat(), "templates": TEMPLATES, "conversations": CONVERSATIONS, "cases": cases,
              "answers": {chat: spans(TEMPLATES["marked"], CONVERSATIONS[chat]) for chat in ("one", "turns", "odd", "system")},
              "variables": VARIABLES, "snippets": [[source, snippet(source)] for source in SNIPPETS]}
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "golden/chat.json"
    path.write_text(json.dumps(golden, ensure_ascii=True, indent=None, separators=(",", ":")).replace('{"template"', '\n{"template"') + "\n")
    failed = sum(not isinstance(case.get("result", ""), str) for case in cases)
    print(f"{len(cases)} conversations, {failed} of them refused; {len(SNIPPETS)} snippets; {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
