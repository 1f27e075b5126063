#!/usr/bin/env python3
"""The ids of transformers 5 for a tokenizer.model with tokens in other files (pip install transformers sentencepiece protobuf).

  spm_added_tokens.py    writes tests/golden/tokenizers/spm_added.json: {"texts", "cases": [{"files", "plain", "special"}]}

Left out, since zofo follows the SentencePiece library where LlamaTokenizer of transformers 5 does not: texts that begin with a blank,
and user-defined pieces.
"""
import json
import pathlib
import shutil
import tempfile

import transformers

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "tokenizers"
TEXTS = ["the river", "the<|user|>river", "the <|user|> river", "a </s>the", "a </s> the", "<|user|>the", "the  river <|user|>  x <pad>y",
         "the<|user|><|user|>the", "a<stop> the", "It's <|user|>\nthe"]
ADDED = {"<|user|>": 700, "<stop>": 701, "<pad>": 702}
DECODER = {"added_tokens_decoder": {
    str(i): {"content": t, "special": t != "<|user|>", "lstrip": False, "rstrip": t == "<stop>", "single_word": False, "normalized": False}
    for t, i in ADDED.items()}}
LLAMA = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
CASES = [
    {"added_tokens.json": ADDED, "special_tokens_map.json": {"pad_token": "<pad>"}},
    {"added_tokens.json": ADDED, "tokenizer_config.json": {**LLAMA, "legacy": True}},
    {"added_tokens.json": ADDED, "tokenizer_config.json": {**LLAMA, "legacy": False}},
    {"tokenizer_config.json": {**LLAMA, **DECODER, "legacy": True}},
    {"tokenizer_config.json": {**LLAMA, **DECODER}, "added_tokens.json": {"never": 705}},
    {"tokenizer_config.json": {**DECODER, "tokenizer_class": "PreTrainedTokenizerFast", "legacy": False}},
]


def main():
    transformers.logging.set_verbosity_error()
    golden = {"texts": TEXTS, "cases": []}
    for files in CASES:
        with tempfile.TemporaryDirectory() as made:
            folder = pathlib.Path(made)
            shutil.copy(FOLDER / "sentencepiece/tokenizer.model", folder)
            for name, content in files.items():
                (folder / name).write_text(json.dumps(content))
            case = {"files": files}
            for key, split in (("plain", True), ("special", False)):
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder, split_special_tokens=split)
                case[key] = [tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
            golden["cases"].append(case)
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in golden["cases"])
    (FOLDER / "spm_added.json").write_text(f'{{"texts": {json.dumps(TEXTS)},\n"cases": [\n{rows}\n]}}\n', encoding="ascii")


if __name__ == "__main__":
    main()
