#!/usr/bin/env python3
"""What `zofo export` writes of a GGUF file as a Hugging Face folder, opened by transformers and peft.

export_folder.py PATH_OF_ZOFO

For the tokenizers that a GGUF file can hold (byte-level BPE as GPT-2, SmolLM2, Llama 3 and Qwen 2 split it, and a SentencePiece
model with byte pairs): a tiny random checkpoint made by transformers, its GGUF file with special tokens and a chat template
written by the gguf package, and the folder that zofo makes of it. Ids of every text must be those of zofo with the file, by
AutoTokenizer and by zofo with the folder, as must be the logits of AutoModelForCausalLM, the chat template and the settings of
generation. Weights of a quantised file are those that the gguf package dequantises. Last, a run over a GGUF file: the folder's
adapter by AutoPeftModelForCausalLM gives the scores of `zofo score --run`.

Runs on the CPU; pip install torch transformers peft gguf sentencepiece.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unicodedata

import gguf
import numpy
import sentencepiece
import torch
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

GOLDEN = pathlib.Path(__file__).parents[1] / "tokenizers"
SHAPE = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=512, initializer_range=0.2)
NASTY = [" ", "   ", "\n\n", " a", "a  b   c", "naïve ﬁ É e\u0301 ß", "東京 雨が降る 😀👨‍👩‍👧", "1234567890 3.14 ٣²", "don't I'LL 'S we've", "\t\r\n\n x",
         "\u00a0\u200d\ufeff\u2028\u180e\u3000", "▁Ġ▁▁ <0x41>", "{}[]()--__##", "\x7f\x01", "नमस्ते ไทย ك", "a" * 300, "x" + " " * 40 + "y",
         "<s>a</s> b", "<|end|>", "a<|end|> b<|end|><|end|>", "<|user|>hi <|user|> there", "<unk>", "<s> <s>", "<|end", "|end|>"]
CHAT = "{{ bos_token }}{% for m in messages %}<|user|>{{ m['content'] }}{{ eos_token }}{% endfor %}"
TEXTS = [t for t in json.loads((GOLDEN / "texts.json").read_text()) if t] + NASTY


def zofo(*arguments, stdin=""):
    return subprocess.run([sys.argv[1], *map(str, arguments)], input=stdin, capture_output=True, text=True, check=True).stdout


def ids_by_zofo(model, texts, *more):
    out = zofo("tokenize", "--json", "--model", model, *more, stdin="".join(json.dumps(t) + "\n" for t in texts))
    return [json.loads(line) for line in out.splitlines()]


def byte_level(family):
    """Tokens, kinds and the keys of a tokenizer.json, with tokens for the tests appended."""
    document = json.loads((GOLDEN / family / "tokenizer.json").read_text())
    tokens = {i: t for t, i in document["model"]["vocab"].items()}
    kinds = dict.fromkeys(tokens, 1)
    for token in document["added_tokens"]:
        tokens[token["id"]], kinds[token["id"]] = token["content"], 3 if token["special"] else 4
    for i in range(max(tokens)):
        if i not in tokens:
            tokens[i], kinds[i] = f"[PAD{i}]", 5
    merges = [m if isinstance(m, str) else " ".join(m) for m in document["model"]["merges"]]
    pre = {"gpt2": "gpt-2", "smollm2": "smollm", "llama3": "llama-bpe", "qwen2": "qwen2"}[family]
    return [tokens[i] for i in range(len(tokens))], [kinds[i] for i in range(len(tokens))], dict(model="gpt2", pre=pre, merges=merges)


def sentencepiece_pieces():
    model = sentencepiece.SentencePieceProcessor(model_file=str(GOLDEN / "sentencepiece/tokenizer.model"))
    # Its user-defined token is written as a control token: the export refuses those of the first kind.
    special = lambda i: model.is_control(i) or model.id_to_piece(i) == "<tool>"  # noqa: E731
    kind = lambda i: 2 if model.is_unknown(i) else 3 if special(i) else 6 if model.is_byte(i) else 1  # noqa: E731
    count = range(model.vocab_size())
    return [model.id_to_piece(i) for i in count], [kind(i) for i in count], dict(model="llama", scores=[model.get_score(i) for i in count])


def with_tokens(tokens, kinds, keys, user):
    """Appends the tokens that the texts above have; a SentencePiece file cannot have user-defined ones."""
    for token, kind in (("<s>", 3), ("</s>", 3), ("<pad>", 3), ("<|end|>", 3), ("<|user|>", 4 if user else 3)):
        if token not in tokens:
            tokens.append(token)
            kinds.append(kind)
            if "scores" in keys:
                keys["scores"].append(-1000.0)


def write(path, model, tokens, kinds, keys, bos, kind=None):
    """The model as a GGUF file with this tokenizer, by the gguf package."""
    qwen = model.config.model_type == "qwen2"
    c, file = model.config, gguf.GGUFWriter(path, "qwen2" if qwen else "llama")
    file.add_context_length(c.max_position_embeddings)
    file.add_embedding_length(c.hidden_size)
    file.add_block_count(c.num_hidden_layers)
    file.add_feed_forward_length(c.intermediate_size)
    file.add_head_count(c.num_attention_heads)
    file.add_head_count_kv(c.num_key_value_heads)
    file.add_layer_norm_rms_eps(c.rms_norm_eps)
    file.add_rope_dimension_count(c.hidden_size // c.num_attention_heads)
    file.add_tokenizer_model(keys["model"])
    file.add_token_list(tokens)
    file.add_token_types(kinds)
    if "merges" in keys:
        file.add_tokenizer_pre(keys["pre"])
        file.add_token_merges(keys["merges"])
    else:
        file.add_token_scores(keys["scores"])
        file.add_unk_token_id(tokens.index("<unk>"))
    file.add_bos_token_id(tokens.index("<s>"))
    file.add_eos_token_id(tokens.index("</s>"))
    file.add_eot_token_id(tokens.index("<|end|>"))
    file.add_pad_token_id(tokens.index("<pad>"))
    file.add_add_bos_token(bos)
    file.add_chat_template(CHAT)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2 if qwen else gguf.MODEL_ARCH.LLAMA, c.num_hidden_layers)
    for name, weight in model.state_dict().items():
        values = weight.numpy()
        if not qwen and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = c.num_attention_heads if "q_proj" in name else c.num_key_value_heads
            values = values.reshape(heads, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        stored = gguf.GGMLQuantizationType.F32 if kind is None or values.ndim == 1 else kind
        file.add_tensor(names.get_name(name, try_suffixes=(".weight", ".bias")),
                        gguf.quants.quantize(numpy.ascontiguousarray(values), stored), raw_dtype=stored)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def log_probabilities(model, prompt, option):
    with torch.no_grad():
        log_p = model.eval()(input_ids=torch.tensor([prompt + option])).logits[0].double().log_softmax(-1)
    return sum(log_p[len(prompt) - 1 + i, token].item() for i, token in enumerate(option))


def main():
    failed = False

    def check(what, good, detail=""):
        nonlocal failed
        failed |= not good
        print(f"{'ok' if good else 'WRONG'}: {what}{'' if good else f' {detail}'}")

    def folder_of(family, here, bos):
        user = family != "sentencepiece"
        tokens, kinds, keys = byte_level(family) if user else sentencepiece_pieces()
        with_tokens(tokens, kinds, keys, user)
        torch.manual_seed(7)
        shape = dict(vocab_size=len(tokens) + 3, **SHAPE)  # more rows than tokens, as many checkpoints have
        model = Qwen2ForCausalLM(Qwen2Config(**shape)) if family == "qwen2" else LlamaForCausalLM(LlamaConfig(**shape))
        write(here / "it.gguf", model, tokens, kinds, keys, bos)
        zofo("export", "--model", here / "it.gguf", "--out", here / "folder")
        theirs, folder = AutoTokenizer.from_pretrained(here / "folder"), here / "folder"
        wanted = ids_by_zofo(here / "it.gguf", TEXTS, "--special")
        # transformers 5 composes characters before Qwen 2's tokenizer, whatever tokenizer.json has.
        taken = [family != "qwen2" or unicodedata.is_normalized("NFC", t) for t in TEXTS]
        name = f"{family}, bos {bos}"
        for what, got in (("AutoTokenizer", [theirs.encode(t, add_special_tokens=False) for t in TEXTS]),
                          ("zofo", ids_by_zofo(folder, TEXTS, "--special"))):
            wrong = [(t, w, g) for t, w, g, take in zip(TEXTS, wanted, got, taken) if w != g and (take or what == "zofo")]
            check(f"{name}: ids of {len(TEXTS)} texts by {what}", not wrong, wrong[:3])
        plain = ids_by_zofo(here / "it.gguf", TEXTS)
        got = [theirs.encode(t, add_special_tokens=False, split_special_tokens=True) for t in TEXTS]
        wrong = [(t, w, g) for t, w, g, take in zip(TEXTS, plain, got, taken) if w != g and take and "<|user|>" not in t]
        check(f"{name}: ids of texts whose special tokens are split", not wrong, wrong[:3])
        check(f"{name}: plain ids by zofo", ids_by_zofo(folder, TEXTS) == plain)
        first = [tokens.index("<s>")] if bos else []
        check(f"{name}: bos before texts", theirs(" the")["input_ids"] == first + theirs.encode(" the", add_special_tokens=False))
        texts = [t for t in TEXTS if t.isascii() and t.strip() == t and "<" not in t and "  " not in t]
        wrong = [(t, theirs.decode(theirs.encode(t, add_special_tokens=False))) for t in texts]
        wrong = [pair for pair in wrong if pair[0] != pair[1]]
        check(f"{name}: {len(texts)} texts decoded", not wrong, wrong[:3])
        marks = (theirs.bos_token, theirs.eos_token, theirs.pad_token)
        check(f"{name}: special tokens", marks == ("<s>", "</s>", "<pad>"), marks)
        chat = theirs.apply_chat_template([{"role": "user", "content": "hello"}], tokenize=False)
        check(f"{name}: chat template", chat == "<s><|user|>hello</s>", chat)
        generation = GenerationConfig.from_pretrained(folder)
        check(f"{name}: generation config", generation.eos_token_id == [tokens.index("</s>"), tokens.index("<|end|>")] and
              generation.pad_token_id == tokens.index("<pad>"), generation)
        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            logits = [m.eval()(input_ids=torch.tensor([wanted[-1] + wanted[5]])).logits for m in (model, loaded)]
        check(f"{name}: logits", torch.equal(*logits))

    for family in ("gpt2", "smollm2", "llama3", "qwen2", "sentencepiece"):
        for bos in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                folder_of(family, pathlib.Path(folder), bos)

    for kind in ("Q4_0", "Q5_1", "Q8_0", "F16", "BF16"):
        with tempfile.TemporaryDirectory() as folder:
            here = pathlib.Path(folder)
            tokens, kinds, keys = byte_level("smollm2")
            with_tokens(tokens, kinds, keys, True)
            torch.manual_seed(7)
            model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokens), **SHAPE))
            write(here / "it.gguf", model, tokens, kinds, keys, False, gguf.GGMLQuantizationType[kind])
            out = zofo("export", "--model", here / "it.gguf", "--out", here / "folder")
            wanted = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(here / "it.gguf").tensors}
            got = AutoModelForCausalLM.from_pretrained(here / "folder", dtype=torch.float32).state_dict()
            pairs = (("model.embed_tokens.weight", "token_embd.weight"), ("model.layers.1.mlp.up_proj.weight", "blk.1.ffn_up.weight"),
                     ("model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight"))
            same = all(numpy.array_equal(got[a].numpy(), wanted[b]) for a, b in pairs)
            check(f"{kind}: dequantised weights", same and (f"dequantised from {kind}" in out) == kind.startswith("Q"), out)

    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        zofo("demo", "--tiny", "--max-seconds", 0.1, "--out", here / "demo")
        source, run = here / "demo/tiny.gguf", here / "run"
        zofo("finetune", "--model", source, "--task", here / "demo/tiny_task", "--out", run, "--max-steps", 20)
        zofo("export", "--model", source, "--run", run, "--out", f"{here / 'out'}/")
        lines = json.dumps({"prompt": "a superb stone", "options": [" no", " yes"]}) + "\n"
        wanted = json.loads(zofo("score", "--model", source, "--run", run, stdin=lines))["logprobs"]
        plain = json.loads(zofo("score", "--model", here / "out", stdin=lines))["logprobs"]
        tokenizer = AutoTokenizer.from_pretrained(here / "out")
        model = AutoPeftModelForCausalLM.from_pretrained(here / "out/adapter", dtype=torch.float32)
        encode = lambda text: tokenizer.encode(text, add_special_tokens=False)  # noqa: E731
        got = [log_probabilities(model, encode("a superb stone"), encode(option)) for option in (" no", " yes")]
        off = max(abs(a - b) for a, b in zip(got, wanted))
        moved = max(abs(a - b) for a, b in zip(plain, wanted))
        check(f"AutoPeftModelForCausalLM: off by {off:.3g}, the adapter changes a score by {moved:.3g}", off < 1e-4 < moved)
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
