#!/usr/bin/env python3
"""Golden token ids from Hugging Face `tokenizers` (pip install tokenizers gguf).

  token_ids.py golden [--model FILE.gguf]    writes tests/golden/tokenize.json: a small vocabulary trained here and odd
                                             texts written here; with a model also their ids in its vocabulary
  token_ids.py rows FILE.gguf OUT JSONL...   writes one line {"text", "ids"} for every string field of the rows
                                             (for ZOFO_TOKEN_ROWS of tests/tokenize/model_test.cpp)
"""
# Not named tokenize.py: that would hide Python's own module from every script in this folder.
import argparse
import json
import pathlib
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
          r"|\s*[\r\n]+|\s+(?!\S)|\s+")
DROPPED = "\u00c4\u00a3"  # spellings of the bytes C4 A3 (U+0123), left out of the small vocabulary

CORPUS = [
    "The baker opened the shop before sunrise and the smell of warm bread reached the other side of the street.",
    "She'll say that it's fine; they're sure we've seen worse, and I'm told he'd agree. Don't they?",
    "A river runs through the town, then turns north, and the old bridge there is the only way across it.",
    "In 1987 there were 42 mills; in 2024 only 3 are left, and 100 people work there.",
    "Der Müller fährt über die Brücke, die Straße ist naß. Où est passée la clé de l'hôtel ?",
    "Привет, мир! Это простая строка. 今日は天気がいいですね。 مرحبا بالعالم",
    "if (value > 10) {\n    return value - 1;\n}\n\n\treturn 0;\n",
] * 4

ODD_TEXTS = [
    "", " ", "  ", "\n", "\r\n\r\n", "\t\t x", "a", "the the  the   the", "  leading and trailing  ",
    "It's they'LL I'M we'Ve 'S 's' ''s don't'd rock'n'roll", "'\u017f \u2019s isn\u2019t",
    "0123456789 3.14159 1,000,000 7up B2B x86_64 12a34", "\u0664\u0662 \u2167 \u00bd \u00b2x\u00b3 \u2460 \u09ea\u0be7",
    "line one\nline two\r\n\tline three\n\n\n  indented   \n \n", "a\u00a0b\u2003c\u3000d\u2028e\u2029f\u0085g\u200bh",
    "a\u180eb \u180e \u1680 \u205f\u202fz", "\x00\x01\x02 bell\x07 escape\x1b[0m del\x7f \x1c\x1d\x1e\x1f c1\u0080\u009f",
    "na\u00efve cafe\u0301 e\u0301\u0302\u0323 Z\u0351\u036b\u0343algo a\u20dd",
    "Stra\u00dfe \u1e9e \u0130stanbul \u0131 \ufb01n \u01c6", "t\u0123he o\u0123f \u0123\u0123 an\u0123d",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5 \u03ba\u03cc\u03c3\u03bc\u03b5",
    "\u4eca\u65e5\u306f\u5929\u6c17\u304c\u3044\u3044\u3067\u3059\u306d\u3002\ud55c\uad6d\uc5b4 \u4e2d\u6587\uff0c\u5168\u89d2\uff11\uff12",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u1780\u17d2\u1798",
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd\u2764\ufe0f ok\U0001f680",
    "\U0001d538\U0001d7d9 \U00020000\U0010ffff \ue000\ufffd\ufeff", "!!! ??? ... --- *** ((())) $5 #1 @x <b>&amp;</b> ~`^|\\",
    "<|start|> and <|start|><|stop|> or <|stop|>er <|start", "<tab><tab2> x<tab>y <tab", "the unreachable unreachable",
    "https://example.org/a_b?c=d&e=%20f#g mail@example.org", "def f(x):\n        return x  # eight\n\n\n",
    "x" * 1000, "abcdefghij" * 60, "the" * 200, " " * 700 + "end", "\n" * 200, "-" * 200 + "=" * 200, "7" * 100,
    "\u4e2d" * 100, "\U0001f600" * 50, " \t" * 100 + "\n" * 3 + "z",
]


def pre_tokenizer(name):
    """The splitter that llama.cpp calls `name`."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if name == "gpt-2":
        return gpt2
    if name == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    split = pre_tokenizers.Split(Regex(LLAMA3), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def reference(vocabulary, pre, parse_special):
    """The reference tokenizer; control tokens are added only with parse_special, user-defined ones always."""
    tokens = vocabulary["tokens"]
    merges = [tuple(merge.split(" ")) for merge in vocabulary["merges"]]
    model = models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, ignore_merges=pre == "llama-bpe")
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    tokenizer.decoder = decoders.ByteLevel()
    literal = {CONTROL, USER_DEFINED} if parse_special else {USER_DEFINED}
    added = [AddedToken(t, normalized=False) for t, k in zip(tokens, vocabulary["types"]) if k in literal]
    tokenizer.add_tokens(added)
    return tokenizer


def small_vocabulary():
    """A vocabulary of a few hundred tokens with every kind of entry the reader must treat apart."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer("gpt-2")
    trainer = trainers.BpeTrainer(vocab_size=520, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    normal = [t for t in sorted(model["vocab"], key=model["vocab"].get) if t not in DROPPED]
    normal.append("\u0120unreachable")  # no merges lead to it: only whole-word look-up finds it
    special = ["<|start|>", "<|stop|>", "<tab>", "<tab2>"]
    types = [CONTROL, CONTROL, USER_DEFINED, USER_DEFINED] + [NORMAL] * len(normal)
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    return {"tokens": special + normal, "merges": merges, "types": types}


def model_vocabulary(path):
    """Vocabulary and pretokenizer name of a GGUF file."""
    import gguf
    fields = gguf.GGUFReader(path).fields
    keys = {"tokens": "tokens", "merges": "merges", "types": "token_type", "pre": "pre"}
    return {ours: fields["tokenizer.ggml." + theirs].contents() for ours, theirs in keys.items()}


def cases(vocabulary, pre, texts):
    """Ids of every text without control tokens read, and with them where the text may hold some."""
    for parse_special in (False, True):
        tokenizer = reference(vocabulary, pre, parse_special)
        for text in texts:
            if parse_special and "<" not in text:
                continue
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            yield {"pre": pre, "parse_special": parse_special, "text": text, "ids": ids}


def write_golden(options):
    small = small_vocabulary()
    golden = {"source": "tests/golden/generators/token_ids.py golden", "small": small, "small_cases": [], "model_cases": []}
    for pre in ("gpt-2", "smollm", "llama-bpe"):
        golden["small_cases"] += cases(small, pre, ODD_TEXTS)
    if options.model:
        model = model_vocabulary(options.model)
        short = [text for text in ODD_TEXTS if len(text) < 200] + ["<|im_start|>user\nHi<|im_end|>\n"]
        golden["model_cases"] += cases(model, model["pre"], short)
    path = ROOT / "tests/golden/tokenize.json"
    body = ",\n".join(f"{json.dumps(key)}: {rows(value)}" for key, value in golden.items())
    path.write_text("{\n" + body + "\n}\n", encoding="ascii")
    print(f"{path}: {len(golden['small_cases'])} small cases, {len(golden['model_cases'])} model cases")


def rows(value):
    """JSON with one list element a line where the elements are cases, so that a change shows as few lines."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]"
    return json.dumps(value, separators=(",", ":"))


def write_rows(options):
    model = model_vocabulary(options.model)
    tokenizer = reference(model, model["pre"], parse_special=False)
    count = 0
    with open(options.out, "w", encoding="utf-8") as out:
        for path in options.jsonl:
            for line in open(path, encoding="utf-8", newline="\n"):
                for text in strings(json.loads(line)):
                    ids = tokenizer.encode(text, add_special_tokens=False).ids
                    out.write(json.dumps({"text": text, "ids": ids}, separators=(",", ":")) + "\n")
                    count += 1
    print(f"{options.out}: {count} texts of {len(options.jsonl)} files")


def strings(value):
    """All strings inside a row, nested ones too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)
    golden = modes.add_parser("golden")
    golden.add_argument("--model")
    golden.set_defaults(run=write_golden)
    dump = modes.add_parser("rows")
    dump.add_argument("model")
    dump.add_argument("out")
    dump.add_argument("jsonl", nargs="+")
    dump.set_defaults(run=write_rows)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    sys.exit(main())
