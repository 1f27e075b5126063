#!/usr/bin/env python3
"""Digests of llama.cpp's ids of odd texts for every name of a pre-tokenizer, and the number of tokens that it puts before a text
(pip install tokenizers gguf xllamacpp).

  gguf_pretokenizers.py    writes tests/golden/tokenizers/gguf.json: {"tokens", "merges", "texts", "digests": {name: [bos, digest]}}

The merges of the vocabulary cross words, so that ids show where a pattern cuts.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

import gguf
import numpy
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import token_ids
import tokenizer_files

ROOT = pathlib.Path(__file__).resolve().parents[3]
SERVER = """
import sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path = sys.argv[1]; p.hostnames = ["127.0.0.1"]; p.port = 18743; p.n_ctx = 64; p.n_parallel = 1; p.warmup = False; p.verbosity = 0
s = xllamacpp.Server(p)
print("ADDRESS", s.listening_address, flush=True)
sys.stdin.read()
"""
TEXTS = [text for text in token_ids.ODD_TEXTS if text and len(text) < 80 and "\x00" not in text and "\u017f" not in text] + [
    "HELLOWorld helloWORLD caf\u00e9\u00c9cole X\u00c9\u00c8x iPhone15Pro", "// \r\n/\n a/b\n", "1234567 12 345,678.90 0x1F $5+3=8 <a>^b~|c`", "\u4e2d\u6587abc\u4e2d\u65871\u3042\u30a2",
    "I'd've we'RE 'S 's", "a  b   c \n\n d\t\te", "x.y,z!?\u3002\uff0c\u0964 end", "e\u0301o\u0308 \u0928\u092e\u0938\u094d\u0924\u0947 \u0301x"]


def vocabulary():
    """Merges trained on whole lines."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    texts = TEXTS + ["the 1 2 3 and 45, 678. it's 9", "a.b c, d! e\n f\r\n\n g", "1a 2b 3.4 $5"]
    tokenizer.train_from_iterator(texts * 3, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    # No merges lead to the last: it is found only where whole words are looked up.
    return [*sorted(model["vocab"], key=model["vocab"].get), "\u0120unreachable"], merges


def write_gguf(path, pre, tokens, merges):
    """A model of one small block, which llama.cpp loads."""
    width, rows = 32, len(tokens)
    file = gguf.GGUFWriter(str(path), "llama")
    file.add_context_length(64); file.add_embedding_length(width); file.add_block_count(1); file.add_feed_forward_length(width)  # noqa: E702
    file.add_head_count(2); file.add_head_count_kv(2); file.add_layer_norm_rms_eps(1e-5); file.add_rope_dimension_count(16)  # noqa: E702
    file.add_vocab_size(rows); file.add_tokenizer_model("gpt2"); file.add_tokenizer_pre(pre); file.add_token_list(tokens)  # noqa: E702
    file.add_token_types([1] * rows); file.add_token_merges(merges); file.add_bos_token_id(0); file.add_eos_token_id(1)  # noqa: E702
    shapes = {"token_embd.weight": (rows, width), "output_norm.weight": (width,), "output.weight": (rows, width)}
    shapes |= {f"blk.0.{name}.weight": (width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    shapes |= {f"blk.0.{name}.weight": (width,) for name in ("attn_norm", "ffn_norm")}
    for name, shape in shapes.items():
        file.add_tensor(name, numpy.ones(shape, dtype=numpy.float32))
    file.write_header_to_file(); file.write_kv_data_to_file(); file.write_tensors_to_file(); file.close()  # noqa: E702


def ids_of(path):
    """llama.cpp's ids of the texts, and the number of ids of "a" with what it puts before a text, less those without."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        address = next(line.split(None, 1)[1].strip() for line in process.stdout if line.startswith("ADDRESS"))
        address = address if address.startswith("http") else "http://" + address

        def ask(text, special):
            body = json.dumps({"content": text, "add_special": special, "parse_special": False}).encode()
            request = urllib.request.Request(address + "/tokenize", body, {"Content-Type": "application/json"})
            return json.loads(urllib.request.urlopen(request, timeout=60).read())["tokens"]
        return [ask(text, False) for text in TEXTS], len(ask("a", True)) - len(ask("a", False))
    finally:
        process.stdin.close()
        process.wait(20)


def names():
    """Those that zofo reads."""
    source = (ROOT / "src/llm/tokenize/pretokenizer.cpp").read_text(encoding="utf-8")
    lists = re.findall(r'\{((?:\s*"[\w. -]+")+),\s*\[\]', source)
    return [name for each in lists for name in "".join(re.findall(r'"([^"]*)"', each)).split()]


def main():
    tokens, merges = vocabulary()
    digests = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names():
            path = pathlib.Path(folder) / "model.gguf"
            write_gguf(path, name, tokens, merges)
            ids, before = ids_of(path)
            digests[name] = [before, tokenizer_files.digest(ids)]
            print(name, digests[name], flush=True)
            if "--ids" in sys.argv:
                pathlib.Path(f"{name}.ids.json").write_text(json.dumps(ids))
    golden = {"tokens": tokens, "merges": merges, "texts": TEXTS, "digests": digests}
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in golden.items()]
    (ROOT / "tests/golden/tokenizers/gguf.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


if __name__ == "__main__":
    main()
