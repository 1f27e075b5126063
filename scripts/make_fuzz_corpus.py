#!/usr/bin/env python3
"""Writes tests/fuzz/corpus: the initial inputs of the fuzz targets, well-formed and malformed ones.

Every file is generated here, with the same bytes each time. Findings of the fuzzer are in tests/fuzz/findings instead.
"""
import argparse
import json
import pathlib
import struct

U32, I32, F32, BOOL, STRING, ARRAY, U64 = 4, 5, 6, 7, 8, 9, 10


# ---- GGUF ------------------------------------------------------------------------------------------------------------
def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def number(kind, value):
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q"}[kind], value)


def element(kind, value):
    return text(value) if kind == STRING else number(kind, value)


def scalar(key, kind, value):
    return text(key) + struct.pack("<I", kind) + element(kind, value)


def array(key, kind, values):
    head = text(key) + struct.pack("<IIQ", ARRAY, kind, len(values))
    return head + b"".join(element(kind, value) for value in values)


def tensor(name, shape, kind, offset):
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def gguf(values=(), tensors=(), data=b"", version=3, align=32, tensor_count=None, value_count=None):
    counts = [len(given) if count is None else count for given, count in ((tensors, tensor_count), (values, value_count))]
    head = struct.pack("<4sIQQ", b"GGUF", version, *counts) + b"".join(values) + b"".join(tensors)
    return head + bytes(-len(head) % align) + data


def gguf_seeds():
    kinds = [scalar("u", U32, 7), scalar("i", I32, -7), scalar("f", F32, 0.5), scalar("b", BOOL, True),
             scalar("s", STRING, "é"), scalar("w", U64, 2**63), array("ss", STRING, ["a", "", "bc"]),
             array("is", I32, [1, -2]), array("fs", F32, [1.5])]
    sizes = {0: 4, 1: 2, 2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 30: 2}  # bytes of a block, by ggml's type
    tensors = [tensor(f"t{kind}", [32, 1] if size > 4 else [2], kind, 64 * i)
               for i, (kind, size) in enumerate(sizes.items())]
    large = {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292, 23: 136, 20: 18 * 8, 39: 17 * 8, 28: 8 * 256}  # of 256 numbers
    super_blocks = [tensor(f"t{kind}", [256], kind, 320 * i) for i, kind in enumerate(large)]
    split = [scalar("split.no", U32, 0), scalar("split.count", U32, 2), scalar("split.tensors.count", I32, 2)]
    return {
        "values": gguf(kinds),
        "super_blocks": gguf([], super_blocks, bytes(range(256)) * (5 * len(large) // 4 + 8)),
        "hostile_split": gguf(split, [tensor("t", [4], 0, 0)], bytes(64)),
        "tensors": gguf(kinds[:1], tensors, bytes(range(256)) * 2),
        "version2": gguf(kinds[4:5], version=2),
        "aligned": gguf([scalar("general.alignment", U32, 64)], [tensor("t", [4], 0, 0)], bytes(64), align=64),
        "hostile_counts": gguf(tensor_count=2**63, value_count=2**64 - 1),
        "hostile_array": gguf([text("a") + struct.pack("<IIQ", ARRAY, STRING, 2**61)]),
        "hostile_nested": gguf([text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1)]),
        "hostile_length": gguf([struct.pack("<Q", 2**64 - 1) + b"a"]),
        "hostile_shape": gguf([], [tensor("t", [2**32, 2**32, 2, 2], 0, 0)], bytes(64)),
        "hostile_offset": gguf([], [tensor("t", [4], 0, 2**64 - 32)], bytes(64)),
        "hostile_overlap": gguf([], [tensor("t", [16], 0, 0), tensor("u", [16], 0, 32)], bytes(96)),
    }


# ---- safetensors -----------------------------------------------------------------------------------------------------
def safetensors(header, data=b"", length=None):
    body = header.encode() if isinstance(header, str) else json.dumps(header).encode()
    return struct.pack("<Q", len(body) if length is None else length) + body + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def safetensors_seeds():
    floats = {"__metadata__": {"format": "pt"}, "w": entry("F32", [2, 3], 0, 24), "v": entry("F32", [], 24, 28)}
    kinds = {"h": entry("F16", [4], 0, 8), "b": entry("BF16", [4], 8, 16), "i": entry("I64", [1], 16, 24),
             "e": entry("F32", [0], 24, 24)}
    index = {"metadata": {"total_size": 16}, "weight_map": {"a": "a.safetensors", "b": "b.safetensors"}}
    return {
        "floats": safetensors(floats, struct.pack("<7f", 1, -2, 0.5, float("inf"), float("nan"), 1e-40, 7)),
        "kinds": safetensors(kinds, bytes(range(24))),
        "empty": safetensors({}),
        "index": json.dumps(index).encode(),
        "hostile_length": safetensors({}, length=2**64 - 1),
        "hostile_shape": safetensors({"w": entry("F32", [2**32, 2**32], 0, 0)}),
        "hostile_offsets": safetensors({"w": entry("U8", [4], 2**64 - 4, 2**64 - 1)}, bytes(4)),
        "hostile_hole": safetensors({"w": entry("U8", [4], 0, 4), "v": entry("U8", [1], 5, 6)}, bytes(6)),
        "hostile_twice": safetensors('{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{}}', bytes(1)),
        "hostile_depth": safetensors('{"a":' + "[" * 3000, bytes(1)),
        "hostile_index": json.dumps({"weight_map": {"a": "../../../etc/passwd", "b": 1}}).encode(),
        "hostile_index_depth": b'{"weight_map":' + b'{"a":' * 1000,
    }


# ---- tokenizers ------------------------------------------------------------------------------------------------------
def byte_letters():
    """GPT-2's letters of the 256 bytes: printable ones are unchanged, the others are U+0100 and following."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    rest = [byte for byte in range(256) if byte not in letters]
    letters |= {byte: chr(256 + i) for i, byte in enumerate(rest)}
    return [letters[byte] for byte in range(256)]


def tokenizer_json(vocab, merges, **parts):
    document = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": None,
                "post_processor": None,
                "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(vocab)}, "merges": merges}}
    model = parts.pop("model", {})
    return json.dumps(document | parts | {"model": document["model"] | model}, ensure_ascii=False).encode()


def added(number_, content, **flags):
    return {"id": number_, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": False} | flags


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([0x80 | value & 0x7F])
        value >>= 7
    return out + bytes([value])


def field(number_, value):
    if isinstance(value, float):
        return varint(number_ << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number_ << 3) + varint(value)
    return varint(number_ << 3 | 2) + varint(len(value)) + value


def pieces(texts):
    """(text, score, type) as SentencePiece's messages; type 2 unknown, 3 control, 6 byte."""
    return b"".join(field(1, field(1, piece.encode()) + field(2, score) + field(3, kind))
                    for piece, score, kind in texts)


def sentencepiece(kind, texts, normalizer=(1, 1, 1), fallback=0):
    spec = b"".join(field(i, value) for i, value in zip((3, 4, 5), normalizer))
    return pieces(texts) + field(2, field(3, kind) + field(35, fallback)) + field(3, spec)


def tokenizer_seeds():
    letters, sign = byte_letters(), "\u2581"
    small = [sign, "a", "b", "H", "e", "l", "o", "ab", sign + "a", "ll", "ell", "Hell", "<s>", "<unk>"]
    merges = ["a b", f"{sign} a", "l l", "e ll", "H ell"]
    def split(pattern):
        return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    words = split(r"\p{L}+|\p{N}{1,3}|\s+(?!\S)")
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [12], "tokens": ["<s>"]}}}
    def replace(this, that):
        return {"type": "Replace", "pattern": {"String": this}, "content": that}
    normal = {"type": "Sequence",
              "normalizers": [{"type": "NFKC"}, replace(" ", sign), {"type": "Prepend", "prepend": sign}]}
    bomb = {"type": "Sequence", "normalizers": [replace("a", "aaaaaaaa")] * 12}
    known = [("<unk>", 0.0, 2), ("<s>", 0.0, 3), (sign, -1.0, 1), ("a", -2.0, 1), ("b", -2.5, 1), ("ab", -1.5, 1)]
    model = [scalar("tokenizer.ggml.model", STRING, "gpt2"), scalar("tokenizer.ggml.pre", STRING, "gpt-2"),
             array("tokenizer.ggml.tokens", STRING, letters + ["ll", "lll"]),
             array("tokenizer.ggml.merges", STRING, ["l l", "ll l"])]
    llama = [scalar("tokenizer.ggml.model", STRING, "llama"), scalar("tokenizer.ggml.bos_token_id", U32, 1),
             array("tokenizer.ggml.tokens", STRING, [piece for piece, _, _ in known]),
             array("tokenizer.ggml.scores", F32, [score for _, score, _ in known]),
             array("tokenizer.ggml.token_type", I32, [kind for _, _, kind in known])]
    return {
        "json_bytes": tokenizer_json(letters + ["he", "ll"], [["h", "e"], ["l", "l"]], pre_tokenizer={
            "type": "ByteLevel", "add_prefix_space": False, "use_regex": True}, added_tokens=[
                added(258, "<x>", special=True), added(259, "fo", single_word=True, lstrip=True, rstrip=True, normalized=True)]),
        "json_blanks": tokenizer_json(small, merges, normalizer=normal, post_processor=template, model={
            "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}),
        "json_metaspace": tokenizer_json(small, merges, pre_tokenizer={
            "type": "Metaspace", "replacement": sign, "prepend_scheme": "first"}),
        "json_splits": tokenizer_json(small, merges, pre_tokenizer={"type": "Sequence", "pretokenizers": [
            words, {"type": "Digits", "individual_digits": True}]}, model={"ignore_merges": True}),
        "hostile_json_growth": tokenizer_json(small, merges, normalizer=bomb),
        "hostile_json_backtracking": tokenizer_json(small, merges, pre_tokenizer=split("(a+)+$")),
        "hostile_json_repeats": tokenizer_json(small, merges, pre_tokenizer=split("((a{1,99}){1,99}){1,99}")),
        "hostile_json_id": tokenizer_json(["a"], [], added_tokens=[added(2**31 - 1, "b"), added(2**63, "c")]),
        "hostile_json_depth": b'{"model":' + b"[" * 3000,
        "gguf_bytes": gguf(model),
        "gguf_pieces": gguf(llama),
        "hostile_gguf_types": gguf(llama[:-1] + [array("tokenizer.ggml.token_type", I32, [9] * 6)]),
        "pieces_pairs": sentencepiece(2, known, (1, 0, 1)),
        "pieces_unigram": sentencepiece(1, known),
        "pieces_fallback": sentencepiece(2, known + [(f"<0x{byte:02X}>", 0.0, 6) for byte in range(256)], (0, 0, 1), 1),
        "hostile_pieces_score": sentencepiece(1, known + [("c", float("nan"), 1)]),
        "hostile_pieces_length": field(1, b"")[:1] + varint(2**63),
    }


# ---- texts -----------------------------------------------------------------------------------------------------------
def jsonl_seeds():
    rows = [{"text": "A \u00e9 {row}.", "label": 1}, {"a": {"b": {"c": ["x", 2, True]}}, "n": -1.5e-3, "z": None}]
    return {
        "rows": ("\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n\n \r\n{}\r\n").encode(),
        "numbers": b'{"a":0,"b":-0,"c":1e308,"d":18446744073709551615,"e":-9223372036854775808,"f":0.1}',
        "escapes": b'{"\\u0000":"\\ud83d\\ude00\\\\\\"\\/\\b\\f\\n\\r\\t"}',
        "hostile_number": b'{"a":1e999}',
        "hostile_surrogate": b'{"a":"\\ud800"}',
        "hostile_bytes": b'{"a":"\xed\xa0\x80\xff"}',
        "hostile_twice": b'{"a":1,"a":2}',
        "hostile_depth": b'{"a":' + b"[" * 4000 + b"]" * 4000 + b"}",
    }


def template_seeds():
    return {
        "fields": b"{a} and {b|lower}, {c|open} {{d}}\n",
        "joined": b"{a}\0}}{{{b}",
        "hostile_open": b"{{{a",
        "hostile_names": b"{}{|}{a|}{a|upper}{a|lower|open}",
        "hostile_bytes": b"{\xff\xfe}\xc3{a}",
    }


def toml_seeds():
    choice = 'prompt = "{text} It was"\noptions = [" bad", " good"]\nlabel_field = "label"\n[label_map]\n0 = 0\n1 = 1\n'
    variant = '[[templates]]\nname = "other"\nprompt = "{text}?"\noptions = ["No", "Yes"]\nneutral = "N/A?"\n'
    candidates = ('kind = "candidates"\nprompt = "{before}{candidate}"\ncandidates_field = "c"\nanswers_field = "a"\n'
                  'continuation = "{after}"\nmetric = "f1"\nscore = "mean"\ngap = {field = "t", mark = "_"}\n')
    generate = ('kind = "generate"\nprompt = """Q: {text}\nA:"""\nanswers_field = "a"\ncontinuation = " {answer}\\n"\n'
                "stop = '\n'\nmax_new_tokens = 4\nanswer_rule = \"drop\"\n[replace]\na = \"b\"\n[values.label]\n1 = \"one\"\n")
    options = ('method = "mezo"\ninner_steps = 2\npenalty = 1e2\nzo_eps = 1\nseed = 0x7F\ndeterministic = true\n'
               'lora_target_modules = "q_proj,v_proj"\nmax_seconds = 1_0.5\ndirection = "rademacher"\n')
    return {
        "task_choice": (choice + variant).encode(),
        "task_candidates": candidates.encode(),
        "task_generate": generate.replace("'\n'", '"\\n"').encode(),
        "options": options.encode(),
        "types": b'a = 1979-05-27T07:32:00Z\nb = [inf, nan, -0x1, 0o7]\n"c.d" = {e = \'\'}\n[[f]]\n[f.g]\n',
        "hostile_number": b"max_steps = 99999999999999999999\nseed = -1\npenalty = inf\n",
        "hostile_values": b"a = " + b"[" * 3000,
        "hostile_key": b"a" + b".a" * 4000 + b" = 1\n",
        "hostile_table": b"[a" + b".a" * 4000 + b"]\n",
        "hostile_twice": b"max_steps = 1\nmax_steps = 2\n",
        "hostile_bytes": b'method = "\xff"\n',
    }


def chat_seeds():
    loop = "{% for m in messages %}<{{ m['role'] }}>{{ m.content | trim }}{{ eos_token }}\n{% endfor %}"
    chat = json.dumps([{"role": "user", "content": "caf\u00e9 {{ x }}"}, {"role": "assistant", "content": None, "n": [1, 0.5, True]}])
    texts = {
        "text": "no tags", "loop": loop, "messages": loop + "\0" + chat, "prompt": "{% if add_generation_prompt %}{{ bos_token }}{% endif %}",
        "raise": "{{ raise_exception('no ' ~ messages | length) }}", "json": "{{ messages | tojson(indent=2) }}{{ messages }}\0" + chat,
        "space": "  {%- if true -%}  a  {%+ endif +%}\n  {# c #}\n\t{% raw %} {{ }} {% endraw %}\n",
        "scopes": "{% set ns = namespace(a=1) %}{% for i in range(3) if i %}{% set ns.a = ns.a * i + 2 %}{% break %}{% else %}x{% endfor %}{{ ns.a }}",
        "macro": "{% macro m(a, b=2) %}{% if a > 0 %}{{ b }}{{ m(a - 1, b=a) }}{% endif %}{% endmacro %}{{ m(4) }}{% set x | upper %}b{% endset %}{{ x }}",
        "texts": "{{ 'A b'.split()[::-1] }}{{ 'x' * 3 }}{{ 'abc'[1:] }}{{ 'a-b'.replace('-', '+') | title }}{{ '%d' | replace('%', '\\u00e9') }}",
        "filters": "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | list | join(',') }}{{ [3, 1] | sort | last }}",
        "tests": "{{ 1 is odd }}{{ x is defined or none is none }}{{ 'a' in messages[0] and not 1 in [2] }}{{ 7 // 2 ** 2 % 3 - 1.5e0 }}",
        "marked": "{% generation %}{{ messages[-1].content }}{% endgeneration %}{{ strftime_now('%d %b %Y') }}",
        "hostile_loops": "{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}",
        "hostile_double": "{% set n = namespace(s='ab', l=[]) %}{% for a in range(99) %}{% set n.s = n.s + n.s %}{% set n.l = [n.l, n.l] %}{% endfor %}{{ n.l }}",
        "hostile_macro": "{% macro m(a) %}{{ m([a]) }}{% endmacro %}{{ m(1) }}", "hostile_nesting": "{{ " + "(" * 999 + "1" + ")" * 999 + " }}",
        "hostile_sum": "{{ 1" + " + 1" * 999 + " }}", "hostile_numbers": "{{ 9223372036854775807 + 1 }}{{ 2 ** 64 }}{{ 'a' * 9223372036854775807 }}",
        "hostile_open": "{{ 'a", "hostile_self": "{% set n = namespace() %}{% set n.n = n %}{{ n.n }}"}
    return {name: value.encode() for name, value in texts.items()}


def request_seeds():
    sampling = {"temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1, "repetition_penalty": 1.1, "seed": -7, "n": 2}
    said = [{"role": "user", "content": [{"type": "text", "text": "caf\u00e9"}]}, {"role": "assistant", "content": None}]
    requests = {
        "text": ("t", {"prompt": "a", "max_tokens": 0, "echo": True, "logprobs": 1, "user": "u", **sampling}),
        "ids": ("t", {"model": "m", "prompt": [[1, 2], [3]], "stop": ["\n", "b"], "stream": True, "stream_options": {"include_usage": True}}),
        "chat": ("c", {"messages": said, "max_completion_tokens": 9, "logprobs": True, "top_logprobs": 2, "tools": [], **sampling}),
        "neutral": ("t", {"prompt": ["a", [5]], "best_of": 1, "suffix": None, "logit_bias": {}, "presence_penalty": 0}),
        "hostile_options": ("c", {"messages": said, "tools": [{}], "n": 1 << 63, "temperature": -1e308}),
        "hostile_ids": ("t", {"prompt": [1 << 63, -1, 0.5]}), "hostile_stops": ("t", {"prompt": "a", "stop": [""] * 999})}
    seeds = {name: kind.encode() + json.dumps(value).encode() for name, (kind, value) in requests.items()}
    return {**seeds, "hostile_depth": b't{"prompt":' + b"[" * 999, "hostile_twice": b't{"prompt":"a","prompt":"b"}', "hostile_bytes": b't{"prompt":"\xff"}'}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "tests/fuzz/corpus")
    folder = parser.parse_args().out
    for name, seeds in {"gguf": gguf_seeds(), "safetensors": safetensors_seeds(), "tokenizer": tokenizer_seeds(),
                        "jsonl": jsonl_seeds(), "template": template_seeds(), "toml": toml_seeds(), "chat": chat_seeds(),
                        "request": request_seeds()}.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).iterdir():
            old.unlink()
        for seed, data in seeds.items():
            (folder / name / seed).write_bytes(data)


if __name__ == "__main__":
    main()
