#!/usr/bin/env python3
"""Tokenising by zofo and by Hugging Face's `tokenizers`: MB/s on one thread, on the same rows, and the same ids.

    compare_tokenizers.py --build build/release/bin --data DATA VOCABULARY...

A VOCABULARY is a folder with a tokenizer.json, or a GGUF file: then `tokenizers` reads what `zofo export` writes from a small
model with its tokenizer. Rows are the texts of DATA/TASK/train.jsonl, in a shuffled order, up to --megabytes. Both programs take
turns; each pass starts without cached words. The medians of --rounds are printed. Times are those of the processor, so that other
programs count only by the caches. Packages: gguf, numpy, tokenizers.
"""
import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
import gguf  # noqa: E402
import numpy  # noqa: E402
import tokenizers  # noqa: E402


def texts(value):
    if isinstance(value, str):
        return [value] if len(value) > 20 else []
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


def read_rows(data, size):
    rows = []
    for file in sorted(data.glob("*/train.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            rows += texts(json.loads(line))
    rows = sorted(set(rows))
    random.Random(1).shuffle(rows)
    total, kept = 0, []
    for row in rows:
        if total >= size:
            break
        kept.append(row)
        total += len(row.encode())
    return kept


def write_model(vocabulary, path):
    """A Llama of one small block with the vocabulary's tokenizer."""
    reader, width = gguf.GGUFReader(vocabulary), 32
    rows = len(reader.fields["tokenizer.ggml.tokens"].data)
    file = gguf.GGUFWriter(str(path), "llama")
    for name, field in reader.fields.items():
        if name.startswith("tokenizer.ggml."):
            kind, inner = field.types[0], field.types[-1] if len(field.types) > 1 else None
            file.add_key_value(name, field.contents(), kind, inner)
    file.add_context_length(64)
    file.add_embedding_length(width)
    file.add_block_count(1)
    file.add_feed_forward_length(width)
    file.add_head_count(2)
    file.add_head_count_kv(2)
    file.add_layer_norm_rms_eps(1e-5)
    file.add_rope_dimension_count(16)
    file.add_vocab_size(rows)
    shapes = {"token_embd.weight": (rows, width), "output_norm.weight": (width,)}
    shapes |= {f"blk.0.{name}.weight": (width, width)
               for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    shapes |= {f"blk.0.{name}.weight": (width,) for name in ("attn_norm", "ffn_norm")}
    for name, shape in shapes.items():
        file.add_tensor(name, numpy.ones(shape, dtype=numpy.float32))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def hashed(rows):
    value = 0xCBF29CE484222325
    for ids in rows:
        for number in [*ids, 0xFFFFFFFF]:
            for byte in range(4):
                value = (value ^ (number >> (8 * byte) & 0xFF)) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def by_peer(tokenizer_json, rows, size):
    tokenizer = tokenizers.Tokenizer.from_str(tokenizer_json)
    start = time.process_time()
    made = tokenizer.encode_batch_fast(rows, add_special_tokens=False)  # without offsets
    seconds = time.process_time() - start
    return size * 1e-6 / seconds, [each.ids for each in made]


def main():
    parser = argparse.ArgumentParser(description="MB/s of tokenising on one thread, by zofo and by `tokenizers`.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release/bin"), help="folder of the programs")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of TASK/train.jsonl")
    parser.add_argument("--megabytes", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("vocabulary", type=pathlib.Path, nargs="+", help="GGUF file, or folder with a tokenizer.json")
    options = parser.parse_args()
    rows = read_rows(options.data, options.megabytes * 1e6)
    size = sum(len(row.encode()) for row in rows)
    print(f"{len(rows)} rows, {size / 1e6:.2f} MB; load {os.getloadavg()[0]:.2f}")
    for vocabulary in options.vocabulary:
        with tempfile.TemporaryDirectory() as name:
            here = pathlib.Path(name)
            (here / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
            model = folder = vocabulary
            if vocabulary.is_file():
                model, folder = here / "small.gguf", here / "folder"
                write_model(vocabulary, model)
                done = subprocess.run([options.build / "zofo", "export", "--model", model, "--out", folder], capture_output=True,
                                      text=True)
                if done.returncode:
                    print(f"{vocabulary.name}: not for `tokenizers`: {done.stderr.strip()}")
            json_file = folder / "tokenizer.json"
            tokenizer_json = json_file.read_text(encoding="utf-8") if json_file.exists() else ""
            ours, theirs = [], []
            for _ in range(options.rounds):
                line = subprocess.run([options.build / "zofo_bench_tokenize", "--model", model, "--text",
                                       here / "rows.jsonl", "--special", "--passes", "1"], check=True, capture_output=True, text=True)
                made = json.loads(line.stdout)
                ours.append(made["mb_per_second"])
                if tokenizer_json:
                    speed, ids = by_peer(tokenizer_json, rows, size)
                    theirs.append(speed)
            peer = f", tokenizers {statistics.median(theirs):.1f}" if theirs else ""
            same = ("; the same ids" if made["hash"] == hashed(ids) else "; OTHER IDS") if theirs else ""
            print(f"{vocabulary.name}: zofo {statistics.median(ours):.1f} MB/s (from {min(ours):.1f} to {max(ours):.1f}){peer}; "
                  f"{made['tokens']} tokens{same}")


if __name__ == "__main__":
    main()
