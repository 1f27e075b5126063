#!/usr/bin/env python3
"""What `zofo export --format gguf` writes of a Hugging Face folder, read by the gguf package, transformers and zofo.

export_tokenizer.py PATH_OF_ZOFO

For each family that a GGUF file can name (SmolLM2, Llama 3, Qwen 2): a tiny random checkpoint made by transformers and the
tokenizer of tests/golden/tokenizers, less the tokens that take blanks or stand alone, which GGUF has no key for. Tokens,
kinds and merges must be those of tokenizer.json; ids of every text those of the `tokenizers` library, by way of zofo and of
transformers; scores and logits those of the folder, to the bit.

Runs on the CPU; pip install torch transformers tokenizers gguf.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unicodedata

import gguf
import tokenizers
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

GOLDEN = pathlib.Path(__file__).parents[2] / "tests/golden/tokenizers"
SHAPE = dict(vocab_size=640, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=256, bos_token_id=0, eos_token_id=1, initializer_range=0.2)
FAMILIES = {"smollm2": (LlamaConfig, LlamaForCausalLM), "llama3": (LlamaConfig, LlamaForCausalLM),
            "qwen2": (Qwen2Config, Qwen2ForCausalLM)}
PROMPTS = ["It was 1234 o'clock", "  the the\n", "naïve — 東京"]


def run(*arguments, stdin=""):
    return subprocess.run([sys.argv[1], *map(str, arguments)], input=stdin, capture_output=True, text=True, check=True).stdout


def strings(field):
    return [bytes(field.parts[i]).decode() for i in field.data]


def checkpoint(family, folder):
    config, model = FAMILIES[family]
    torch.manual_seed(7)
    model(config(**SHAPE)).save_pretrained(folder)
    document = json.loads((GOLDEN / family / "tokenizer.json").read_text())
    document["added_tokens"] = [t for t in document["added_tokens"] if not (t["lstrip"] or t["rstrip"] or t["single_word"])]
    for i, token in enumerate(t for t in document["added_tokens"] if t["content"] not in document["model"]["vocab"]):
        token["id"] = len(document["model"]["vocab"]) + i  # `tokenizers` closes the gaps of those left out
    (folder / "tokenizer.json").write_text(json.dumps(document))
    return document


def main():
    failed = False

    def check(what, good):
        nonlocal failed
        failed |= not good
        print(f"{'ok' if good else 'WRONG'}: {what}")

    texts = [t for t in json.loads((GOLDEN / "texts.json").read_text()) if "\n" not in t and "\r" not in t and t]
    for family in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            here = pathlib.Path(folder)
            (here / "hub").mkdir()
            document = checkpoint(family, here / "hub")
            print(run("export", "--model", here / "hub", "--format", "gguf", "--dtype", "f32", "--out", here / "it.gguf"), end="")
            fields = gguf.GGUFReader(here / "it.gguf").fields
            tokens, merges = (strings(fields[f"tokenizer.ggml.{name}"]) for name in ("tokens", "merges"))
            kinds = [int(fields["tokenizer.ggml.token_type"].parts[i][0]) for i in fields["tokenizer.ggml.token_type"].data]
            known = {**{i: t for t, i in document["model"]["vocab"].items()}, **{t["id"]: t["content"] for t in document["added_tokens"]}}
            special = {t["id"]: 3 if t["special"] else 4 for t in document["added_tokens"]}
            check(f"{family}: {len(known)} tokens", len(tokens) == SHAPE["vocab_size"] and all(tokens[i] == t for i, t in known.items()))
            check(f"{family}: kinds", kinds == [special.get(i, 1 if i in known else 5) for i in range(len(tokens))])
            check(f"{family}: merges", merges == [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]])
            reference = tokenizers.Tokenizer.from_file(str(here / "hub/tokenizer.json"))
            reads = [t for t in texts if family != "qwen2" or unicodedata.is_normalized("NFC", t)]
            # A control token that is written in a text is a text to zofo.
            reads = [t for t in reads if not any(s["content"] in t for s in document["added_tokens"] if s["special"])]
            wanted = [reference.encode(t, add_special_tokens=False).ids for t in reads]
            got = [json.loads(line) for line in run("tokenize", "--model", here / "it.gguf", stdin="\n".join(reads) + "\n").splitlines()]
            check(f"{family}: ids of {len(reads)} texts by zofo", got == wanted)
            theirs = AutoTokenizer.from_pretrained(here, gguf_file="it.gguf")
            # transformers reads user-defined tokens (kind 4) as it does others.
            plain = [i for i, t in enumerate(reads) if not any(a["content"] in t for a in document["added_tokens"])]
            check(f"{family}: ids of {len(plain)} texts by transformers",
                  all(theirs.encode(reads[i], add_special_tokens=False) == wanted[i] for i in plain))
            lines = "".join(json.dumps({"prompt": p, "options": [" a", " the", "1"]}) + "\n" for p in PROMPTS)
            scores = [run("score", "--model", here / model, stdin=lines) for model in ("hub", "it.gguf")]
            check(f"{family}: scores of folder and file are the same to the bit", scores[0] == scores[1])
            models = [AutoModelForCausalLM.from_pretrained(here / "hub", dtype=torch.float32),
                      AutoModelForCausalLM.from_pretrained(here, gguf_file="it.gguf", dtype=torch.float32)]
            with torch.no_grad():
                logits = [model.eval()(input_ids=torch.tensor([wanted[-1]])).logits for model in models]
            check(f"{family}: transformers' logits of both", torch.equal(*logits))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
