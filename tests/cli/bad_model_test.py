"""GGUF files that are cut, broken, hostile or of another model: named, and never a crash."""

import random
import struct
import unittest

import program
from gguf import ARRAY, BOOL, STRING, U32, Gguf, text
from program import Case, zofo


class BadModel(Case):
    def setUp(self):
        super().setUp()
        self.path = self.here / "bad model.gguf"
        self.gguf = Gguf.read(self.model)

    def refuse(self, *parts, data=None):
        """The file (`gguf` as changed, or `data`) is refused by score with its name and `parts`."""
        self.path.write_bytes(self.gguf.bytes() if data is None else data)
        result = zofo("score", "--model", self.path, stdin='{"prompt": "a", "options": ["b", "c"]}\n')
        self.refused(result, str(self.path), *parts)
        self.assertEqual(result.out, "")
        self.gguf = Gguf.read(self.model)

    def test_the_copy_is_true(self):
        self.assertEqual(self.gguf.bytes(), self.model.read_bytes())

    def test_no_gguf(self):
        self.refuse(data=b"")
        self.refuse("magic", data=b"PK\x03\x04 not a model" * 10)
        self.refuse("magic", data=b'{"text": "stone", "label": 0}\n')
        self.gguf.magic = b"GGUX"
        self.refuse("magic")
        for version in (0, 1, 4, 0x03000000):
            self.gguf.version = version
            self.refuse("version")
        self.refused(zofo("tokenize", "--model", self.here), str(self.here), "no tokenizer", "tokenizer.json")
        self.refused(zofo("tokenize", "--model", self.here / "absent.gguf"), "absent.gguf", "No such file")

    def test_every_command_names_it(self):
        self.path.write_bytes(self.model.read_bytes()[:-1])
        for result in (zofo("tokenize", "--model", self.path), self.evaluate(model=self.path),
                       self.finetune(self.here / "run", model=self.path)):
            self.refused(result, str(self.path), "truncated")
        self.assertFalse((self.here / "run").exists())
        demo = zofo("demo", "--model", self.path, "--data", self.task, "--out", self.here / "demo")
        self.refused(demo, "zero-shot")
        self.assertIn(str(self.path), demo.err)

    def test_truncated(self):
        whole = self.model.read_bytes()
        header = len(whole) - sum(len(tensor.data) for tensor in self.gguf.tensors.values())
        self.assertLess(header, len(whole) // 2)
        cuts = [*range(0, 40, 3), *range(40, header, header // 25), *range(header, len(whole), len(whole) // 8)]
        for length in [*cuts, len(whole) - 1]:
            with self.subTest(length):
                self.refuse(data=whole[:length])

    def test_hostile_counts(self):
        tensors, keys = len(self.gguf.tensors), len(self.gguf.keys)
        for counts in ((2**64 - 1, keys), (2**62, keys), (tensors, 2**64 - 1), (tensors, 2**61), (tensors, keys + 1)):
            with self.subTest(counts):
                self.gguf.counts = counts
                self.refuse()
        for length in (2**64 - 1, 2**63, 2**40):
            self.gguf.keys["general.name"] = (STRING, struct.pack("<Q", length) + b"tiny")
            self.refuse("general.name")
            self.gguf.keys["tokenizer.ggml.tokens"] = (ARRAY, struct.pack("<IQ", STRING, length))
            self.refuse("tokenizer.ggml.tokens")

    def test_hostile_tensors(self):
        name = "blk.1.ffn_up.weight"
        for change in (
            {"kind": 250}, {"kind": 2**32 - 1}, {"shape": []}, {"shape": [0, 128]}, {"shape": [1] * 5},
            {"shape": [2**63, 2]}, {"shape": [2**32, 2**32]}, {"shape": [64, 2**40]}, {"offset": 2**63},
            {"offset": 2**64 - 32}, {"offset": 7}, {"offset": 0}, {"kind": 2, "shape": [33, 2]},
        ):
            with self.subTest(change):
                for attribute, value in change.items():
                    setattr(self.gguf.tensors[name], attribute, value)
                self.refuse("tensor")

    def test_missing_and_repeated_tensors(self):
        for name in ("token_embd.weight", "blk.0.attn_norm.weight", "blk.1.ffn_up.weight", "output_norm.weight"):
            del self.gguf.tensors[name]
            self.refuse(name, "missing")
        self.gguf.tensors["blk.0.ffn_up.weight"].name = "blk.1.ffn_up.weight"
        self.refuse("blk.1.ffn_up.weight", "twice")

    def test_wrong_shapes(self):
        for name, shape in (("blk.1.ffn_up.weight", [128, 64]), ("blk.0.attn_k.weight", [2048]),
                            ("output_norm.weight", [32, 2]), ("blk.0.attn_norm.weight", [1, 64])):
            with self.subTest(name):
                self.gguf.tensors[name].shape = shape
                self.refuse(name, "shape")

    def test_numbers_that_are_none(self):
        name = "blk.0.ffn_down.weight"
        for value in ("nan", "inf", "-inf"):
            with self.subTest(value):
                data = bytearray(self.gguf.tensors[name].data)
                struct.pack_into("<f", data, 400, float(value))
                self.gguf.tensors[name].data = bytes(data)
                self.refuse(name, value)

    def test_missing_and_wrong_keys(self):
        for key in ("general.architecture", "llama.embedding_length", "llama.block_count", "llama.context_length",
                    "tokenizer.ggml.tokens", "tokenizer.ggml.merges", "tokenizer.ggml.pre"):
            del self.gguf.keys[key]
            self.refuse(key, "missing")
        for key in ("general.architecture", "llama.embedding_length", "tokenizer.ggml.tokens"):
            self.gguf.keys[key] = (BOOL, b"\x01")
            self.refuse(key)

    def test_another_model(self):
        for key, value, parts in (
            ("general.architecture", (STRING, text(b"mamba")), ("general.architecture", "mamba")),
            ("tokenizer.ggml.model", (STRING, text(b"t5")), ("tokenizer.ggml.model", "t5")),
            ("tokenizer.ggml.pre", (STRING, text(b"other")), ("other",)),
            ("llama.embedding_length", (U32, struct.pack("<I", 65)), ()),
            ("llama.embedding_length", (U32, struct.pack("<I", 0)), ()),
            ("llama.block_count", (U32, struct.pack("<I", 3)), ("blk.2.",)),
            ("llama.block_count", (U32, struct.pack("<I", 2**32 - 1)), ("block_count",)),
            ("llama.attention.head_count", (U32, struct.pack("<I", 0)), ("head_count",)),
            ("llama.attention.head_count_kv", (U32, struct.pack("<I", 3)), ()),
            ("llama.context_length", (U32, struct.pack("<I", 0)), ("context",)),
            ("llama.rope.dimension_count", (U32, struct.pack("<I", 7)), ("rope",)),
        ):
            with self.subTest(key):
                before = dict(self.gguf.keys)
                self.gguf.keys[key] = value
                self.refuse(*parts)
                self.gguf.keys = before

    def test_tokens_outside_the_vocabulary(self):
        self.gguf.keys["tokenizer.ggml.add_bos_token"] = (BOOL, b"\x01")
        self.gguf.keys["tokenizer.ggml.bos_token_id"] = (U32, struct.pack("<I", 10**6))
        self.refuse("tokenizer.ggml.bos_token_id", "1000000")
        tokens = self.gguf.strings("tokenizer.ggml.tokens")
        spelt = [token.encode() for token in tokens]
        spelt[7] = spelt[6]
        value = struct.pack("<IQ", STRING, len(spelt)) + b"".join(map(text, spelt))
        self.gguf.keys["tokenizer.ggml.tokens"] = (ARRAY, value)
        self.refuse("token 7")

    def test_random_damage_never_crashes(self):
        """Flipped bytes in the header: accepted where harmless, else refused; the weights come after it."""
        whole = self.model.read_bytes()
        header = len(whole) - sum(len(tensor.data) for tensor in self.gguf.tensors.values())
        dice = random.Random(20240607)
        for round_ in range(120):
            data = bytearray(whole)
            for _ in range(dice.choice((1, 1, 4, 40))):
                data[dice.randrange(header)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
            self.path.write_bytes(data)
            result = zofo("score", "--model", self.path, stdin='{"prompt": "a", "options": ["b", "c"]}\n')
            with self.subTest(round_):
                self.assertIn(result.code, (0, 2), result.err)
                if result.code == 2:
                    self.refused(result)


if __name__ == "__main__":
    program.main()
