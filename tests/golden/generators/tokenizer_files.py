#!/usr/bin/env python3
"""Tokenizers of every family, and their ids from Hugging Face `tokenizers` and the SentencePiece library
(pip install tokenizers sentencepiece gguf).

  tokenizer_files.py golden                          writes tests/golden/tokenizers: small vocabularies trained here
  tokenizer_files.py rows DATA                       writes tests/golden/tokenizers/rows.json: a digest of each of those
                                                     tokenizers' ids on 100 texts of every DATA/TASK/validation.jsonl
  tokenizer_files.py real OUT WHEELS [MODEL.gguf]    writes OUT/FAMILY/tokenizer.json with the families' real vocabularies,
                                                     found in unpacked wheels of mistral-common, llama-models, dashscope
                                                     and openai-whisper, and a SmolLM2 GGUF file
  tokenizer_files.py compare ZOFO FOLDER JSONL...    compares the ids of `ZOFO tokenize` with the reference's on every
                                                     string of the rows, for every folder in FOLDER
"""
import base64
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import sentencepiece
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import token_ids
from tokenizer_families import BYTE_LEVEL, FAMILIES, METASPACE, SIGN, bpe, dress, specials

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXTS = token_ids.ODD_TEXTS + [
    "<s>Hello</s> world", "a <strip>  b", "wordly unwordly wordly, wordly7", " caf\u00e9 au lait", "cafe\u0301 au lait",
    "\u1112\u1161\u11ab\u1100\u1173\u11af \uac01 \u212b \u2126 \ufb01 \u0958", "a\u0323\u0307 q\u0307\u0323 \u0344",
    "I\u2581am\u2581\u2581here \u2581 \u2581", "   three before", "after   ", "<0x41> <0xFF>", "tab\there\x00nul",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f1e9\U0001f1ea \u261d\U0001f3fd 1\ufe0f\u20e3",
    "HELLOWorld helloWORLD \u01c5ungla \u02b0a \u00aa \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 // \r\n/\n", "<|im_start|>user\nHi<|im_end|>\n",
    "".join(chr(c) for c in range(1, 0x500)), "".join(chr(c) + " x" for c in range(0x2000, 0x2100)),
    "\u0294 \u01c0 \u2160\u2170 \u3007 \u4e8c\u5341 \u0660\u06f1 \u00b9\u2075 \u2460 \u20ac$\u00a3 \u2200x\u2208A \u00ac\u00b1 \u2014\u2013- \u00ab\u00bb",
    "Don't DON'T don\u2019t 'tis I'd've we'RE 'S 'sS 'Ll", "1234567 12 345,678.90 0x1F", "x\u00adsoft \ufeffbom \u2060wj \ue000 \U000f0000"]


def train(family, texts):
    """A small vocabulary by the family's own pipeline."""
    tokenizer = dress(Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)
                                if family in METASPACE else models.BPE()), family)
    if family in METASPACE:  # merges cross no word in a published vocabulary
        tokenizer.normalizer = None
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(SIGN, prepend_scheme="always", split=True)
    first = specials(family) + ([f"<0x{b:02X}>" for b in range(256)] if family in METASPACE else [])
    alphabet = pre_tokenizers.ByteLevel.alphabet() if family in BYTE_LEVEL else []
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in model["merges"]]


def ids_of(tokenizer, parse_special):
    tokenizer.encode_special_tokens = not parse_special
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]


def write_golden(_):
    folder = ROOT / "tests/golden/tokenizers"
    for family in FAMILIES:
        tokenizer = bpe(family, *train(family, token_ids.CORPUS))
        (folder / family).mkdir(parents=True, exist_ok=True)
        (folder / family / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
        bos = tokenizer.encode("").ids
        write_ids(folder / family, {"bos": bos[0] if bos else None, "plain": ids_of(tokenizer, False),
                                    "special": ids_of(tokenizer, True)})
    write_sentencepiece(folder / "sentencepiece")
    (folder / "texts.json").write_text(token_ids.rows(TEXTS) + "\n", encoding="ascii")


def write_ids(folder, golden):
    """The ids of texts.json's texts, a text a line."""
    lines = [f"{json.dumps(key)}: " + ("[\n" + ",\n".join(json.dumps(ids, separators=(",", ":")) for ids in value) + "\n]"
                                       if isinstance(value, list) else json.dumps(value)) for key, value in golden.items()]
    (folder / "ids.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="ascii")


def write_sentencepiece(folder):
    """Llama 2's settings."""
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(token_ids.CORPUS), model_writer=model, model_type="bpe", vocab_size=700,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False, split_digits=True,
        allow_whitespace_only_pieces=True, user_defined_symbols=["<tool>"], character_coverage=0.99, minloglevel=2)
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    write_ids(folder, {"bos": processor.bos_id(), "plain": processor.encode(TEXTS)})


def ranked(path):
    """A tiktoken file's tokens by rank."""
    lines = [line.split() for line in path.read_bytes().splitlines() if line]
    return [base64.b64decode(token) for token, _ in sorted(lines, key=lambda line: int(line[1]))]


def from_ranks(tokens, special):
    """Vocabulary and merges as the published files have them: every split of a token is a merge."""
    letters = {v: k for k, v in token_ids_letters().items()}
    spell = {token: "".join(letters[b] for b in token) for token in tokens}
    vocab = {t: i for i, t in enumerate(special)} | {spell[t]: i + len(special) for i, t in enumerate(tokens)}
    rank = {token: i for i, token in enumerate(tokens)}
    merges = []
    for token in tokens:
        splits = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in rank and token[i:] in rank]
        merges += [(spell[a], spell[b]) for a, b in sorted(splits, key=lambda s: (rank[s[0]], rank[s[1]]))]
    return vocab, merges


def token_ids_letters():
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return {chr(b): b for b in plain} | {chr(0x100 + i): b for i, b in enumerate(b for b in range(256) if b not in plain)}


def from_pieces(path):
    """The conversion of a SentencePiece model: merges by falling score."""
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    pieces = [model.id_to_piece(i) for i in range(len(model))]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    merges = [(-model.get_score(i), vocab[p[:k]], vocab[p[k:]], p[:k], p[k:]) for i, p in enumerate(pieces)
              for k in range(1, len(p)) if p[:k] in vocab and p[k:] in vocab]
    return vocab, [merge[3:] for merge in sorted(merges)]


def tekken(path):
    """The first entries of Mistral's file up to the size it names."""
    data = json.loads(path.read_text(encoding="utf-8"))
    count = data["config"]["default_vocab_size"] - data["config"]["default_num_special_tokens"]
    return [base64.b64decode(entry["token_bytes"]) for entry in data["vocab"][:count]]


def write_real(arguments):
    out, wheels = pathlib.Path(arguments[0]), pathlib.Path(arguments[1])
    find = lambda name: next(iter(sorted(wheels.rglob(name))))  # noqa: E731
    ranks = {"gpt2": ranked(find("gpt2.tiktoken")), "opt": ranked(find("gpt2.tiktoken")), "qwen2": ranked(find("qwen.tiktoken")),
             "llama3": ranked(find("llama3/tokenizer.model")), "tekken": tekken(find("tekken_240911.json"))}
    vocabularies = {family: lambda f=family: from_ranks(ranks[f], specials(f) if f in ("opt", "tekken") else [])
                    for family in ranks}
    for family in METASPACE:
        vocabularies[family] = lambda: from_pieces(find("tokenizer.model.v1"))
    if len(arguments) > 2:
        small = token_ids.model_vocabulary(arguments[2])
        vocabularies["smollm2"] = lambda: ({t: i for i, t in enumerate(small["tokens"])},
                                           [tuple(m.split(" ")) for m in small["merges"]])
    for family, make in vocabularies.items():
        (out / family).mkdir(parents=True, exist_ok=True)
        (out / family / "tokenizer.json").write_text(bpe(family, *make()).to_str(), encoding="utf-8")
        print(out / family, flush=True)
    for name in ("tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"):
        folder = out / ("spm_" + name[-2:])
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(find(name).read_bytes())


def reference(folder):
    """Texts -> ids, without control tokens read."""
    if (folder / "tokenizer.json").exists():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.encode_special_tokens = True
        return lambda texts: [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)]
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model")).encode


def in_order(value):
    """All strings inside a row, by sorted keys."""
    if isinstance(value, dict):
        for key in sorted(value):
            yield from in_order(value[key])
    elif isinstance(value, list):
        for inner in value:
            yield from in_order(inner)
    elif isinstance(value, str):
        yield value


def digest(rows):
    """FNV-1a over the ids as four bytes each, least first, and -1 behind every text."""
    state = 0xCBF29CE484222325
    for ids in rows:
        for byte in b"".join((i & 0xFFFFFFFF).to_bytes(4, "little") for i in [*ids, -1]):
            state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{state:016x}"


def write_rows(arguments):
    folder, texts = ROOT / "tests/golden/tokenizers", []
    for path in sorted(pathlib.Path(arguments[0]).glob("*/validation.jsonl")):
        lines = path.read_text(encoding="utf-8").split("\n")
        texts += [t for line in lines if line for t in in_order(json.loads(line))][:100]
    golden = {p.name: digest(reference(p)(texts)) for p in sorted(folder.iterdir()) if p.is_dir()}
    golden = {"texts": len(texts), "bytes": sum(len(t.encode()) for t in texts), "digests": golden}
    (folder / "rows.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="ascii")


def compare(arguments):
    program, folders, files = arguments[0], pathlib.Path(arguments[1]), arguments[2:]
    texts = [text for path in files for line in open(path, encoding="utf-8", newline="\n")
             for text in token_ids.strings(json.loads(line))] + TEXTS
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts)} texts, {size} bytes of {len(files)} files")
    different = 0
    with tempfile.TemporaryFile() as lines:
        lines.write("".join(json.dumps(text) + "\n" for text in texts).encode())
        for folder in sorted(path for path in folders.iterdir() if path.is_dir()):
            lines.seek(0)
            start = time.time()
            answer = subprocess.run([program, "tokenize", "--json", "--model", folder], stdin=lines, check=True,
                                    stdout=subprocess.PIPE).stdout.splitlines()
            seconds = time.time() - start
            wanted = reference(folder)(texts)
            wrong = [i for i, ids in enumerate(wanted) if json.loads(answer[i]) != ids]
            different += len(wrong)
            tokens = sum(map(len, wanted))
            print(f"{folder.name}: {len(answer)} texts, {tokens} tokens, {len(wrong)} differ, {seconds:.1f} s in all", flush=True)
            for i in wrong[:3]:
                print(f"  {json.dumps(texts[i])[:200]}\n    zofo {answer[i][:200].decode()}\n    must {str(wanted[i])[:200]}")
    return different != 0


def main():
    modes = {"golden": write_golden, "rows": write_rows, "real": write_real, "compare": compare}
    if len(sys.argv) < 2 or sys.argv[1] not in modes:
        sys.exit(__doc__)
    return modes[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
