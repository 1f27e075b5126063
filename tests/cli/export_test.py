"""zofo export: folders and files that hold what the run computes, and refusals that leave nothing behind."""

import json
import math
import re
import struct
import unittest

import program
from gguf import ARRAY, BOOL, STRING, U32, Gguf, text
from program import Case, safetensors, zofo


NASTY = [" a superb stone", "  two  spaces ", "naïve ﬁ É e\u0301 ß", "東京 雨が降る 😀👨‍👩‍👧", "1234567890 3.14 ٣²", "don't I'LL 'S", "\t\r\n\n x",
         "a<|end|> b", "<|user|>hi<|user|>", "<|begin|><|turn|>", "\u00a0\u200d\ufeff\u2028", "▁Ġ<0x41>", "{}[]()--__##"]


class Export(Case):
    def setUp(self):
        super().setUp()
        self.out = self.here / "out"

    def export(self, *arguments, model=None):
        return zofo("export", "--model", model or self.model, "--out", self.out, *arguments)

    def refuse(self, *parts, arguments=(), model=None):
        before = sorted(self.here.iterdir())
        self.refused(self.export(*arguments, model=model), *parts)
        self.assertEqual(sorted(self.here.iterdir()), before)  # nothing half written

    def run_folder(self):
        run = self.here / "run"
        self.good(self.finetune(run))
        return run

    def test_a_folder_of_the_model(self):
        self.good(self.export())
        config = json.loads((self.out / "config.json").read_text())
        self.assertEqual(config["architectures"], ["LlamaForCausalLM"])
        gguf, tensors = Gguf.read(self.model), safetensors(self.out / "model.safetensors")
        self.assertEqual(tensors["model.embed_tokens.weight"][0], [config["vocab_size"], config["hidden_size"]])
        plain = gguf.tensors["blk.1.ffn_up.weight"].data
        self.assertEqual(struct.pack(f"<{len(plain) // 4}f", *tensors["model.layers.1.mlp.up_proj.weight"][1]), plain)
        # Row 2j of a head in GGUF is row j of its first half in Hugging Face's files, row 2j + 1 of its second.
        width, head = config["hidden_size"], config["head_dim"]
        rows = [gguf.tensors["blk.0.attn_q.weight"].data[i * width * 4 : (i + 1) * width * 4] for i in range(width)]
        halves = [b"".join(rows[h + 2 * j + odd] for odd in (0, 1) for j in range(head // 2))
                  for h in range(0, width, head)]
        values = tensors["model.layers.0.self_attn.q_proj.weight"][1]
        self.assertEqual(struct.pack(f"<{len(values)}f", *values), b"".join(halves))

    def marked_model(self):
        """The model with control tokens, a user-defined token, bos before texts and a chat template. Bytes that UTF-8 never
        uses give their tokens up for it."""
        gguf = Gguf.read(self.model)
        tokens, count = gguf.strings("tokenizer.ggml.tokens"), 256
        types = [1] * len(tokens)
        free = [tokens.index(chr(byte)) for byte in range(0xF8, 0xFF)]
        for name, kind in (("<|begin|>", 3), ("<|end|>", 3), ("<|turn|>", 3), ("<pad>", 3), ("<|user|>", 4)):
            tokens[free[0]], types[free[0]] = name, kind
            gguf.tokens = {**getattr(gguf, "tokens", {}), name: free.pop(0)}
        texts = b"".join(text(token.encode()) for token in tokens)
        gguf.keys["tokenizer.ggml.tokens"] = (ARRAY, struct.pack("<IQ", STRING, len(tokens)) + texts)
        gguf.keys["tokenizer.ggml.token_type"] = (ARRAY, struct.pack(f"<IQ{len(types)}i", 5, len(types), *types))
        for key, token in (("bos", "<|begin|>"), ("eos", "<|end|>"), ("eot", "<|turn|>"), ("padding", "<pad>")):
            gguf.keys[f"tokenizer.ggml.{key}_token_id"] = (U32, struct.pack("<I", gguf.tokens[token]))
        gguf.keys["tokenizer.ggml.add_bos_token"] = (BOOL, b"\1")
        gguf.keys["tokenizer.chat_template"] = (STRING, text(b"{{ bos_token }}{{ messages[0].content }}"))
        (self.here / "marked.gguf").write_bytes(gguf.bytes())
        return self.here / "marked.gguf", gguf.tokens

    def test_a_folder_of_a_file_has_its_tokenizer(self):
        model, tokens = self.marked_model()
        self.good(self.export(model=model))
        self.assertEqual({path.name for path in self.out.iterdir()},
                         {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
                          "generation_config.json"})
        marks = {"bos_token_id": tokens["<|begin|>"], "eos_token_id": tokens["<|end|>"], "pad_token_id": tokens["<pad>"]}
        config = json.loads((self.out / "config.json").read_text())
        self.assertEqual({name: config[name] for name in marks}, marks)
        self.assertEqual(json.loads((self.out / "generation_config.json").read_text()),
                         {**marks, "eos_token_id": [tokens["<|end|>"], tokens["<|turn|>"]]})
        config = json.loads((self.out / "tokenizer_config.json").read_text())
        wanted = {"bos_token": "<|begin|>", "eos_token": "<|end|>", "pad_token": "<pad>", "add_bos_token": True,
                  "chat_template": "{{ bos_token }}{{ messages[0].content }}"}
        self.assertEqual({name: config.get(name) for name in wanted}, wanted)
        lines = "".join(json.dumps(line) + "\n" for line in NASTY)
        for more in ((), ("--special",)):
            ids = [self.good(zofo("tokenize", "--json", "--model", m, *more, stdin=lines)).out for m in (model, self.out)]
            self.assertEqual(*ids)
        requests = [(line, [" no", " yes"]) for line in NASTY]
        self.assertEqual(self.good(self.score(requests, model=self.out)).out,
                         self.good(self.score(requests, model=model)).out)

    def test_a_folder_without_a_tokenizer(self):
        self.good(self.export("--no-tokenizer"))
        self.assertEqual({path.name for path in self.out.iterdir()},
                         {"config.json", "model.safetensors", "generation_config.json"})
        folder, self.out = self.out, self.here / "again"
        self.refuse("has no tokenizer", "--no-tokenizer", model=folder)
        self.refuse("--no-tokenizer", arguments=("--no-tokenizer", "--format", "gguf"))
        self.good(self.export("--no-tokenizer", model=folder))
        for name in ("config.json", "model.safetensors", "generation_config.json"):
            self.assertEqual((self.out / name).read_bytes(), (folder / name).read_bytes())

    def test_a_tokenizer_that_cannot_be_written(self):
        gguf = Gguf.read(self.model)
        tokens = gguf.strings("tokenizer.ggml.tokens")
        scores = [0.0] * len(tokens)  # no order of merges
        types = [2, 3, 3] + [1] * (len(tokens) - 3)
        gguf.keys["tokenizer.ggml.model"] = (STRING, text(b"llama"))
        gguf.keys["tokenizer.ggml.scores"] = (ARRAY, struct.pack(f"<IQ{len(scores)}f", 6, len(scores), *scores))
        gguf.keys["tokenizer.ggml.token_type"] = (ARRAY, struct.pack(f"<IQ{len(types)}i", 5, len(types), *types))
        gguf.keys["tokenizer.ggml.bos_token_id"] = (U32, struct.pack("<I", 1))
        model = self.here / "ties.gguf"
        model.write_bytes(gguf.bytes())
        self.refuse("ties.gguf", "tokenizer.ggml.scores", "--no-tokenizer", model=model)
        self.good(self.export("--no-tokenizer", model=model))

    def test_quantised_weights(self):
        """The folder has the dequantised weights: it scores as the file, and the output names both formats."""
        quantised = self.here / "q8.gguf"
        self.good(zofo("export", "--model", self.model, "--format", "gguf", "--dtype", "q8_0", "--out", quantised))
        self.assertIn("f32, dequantised from Q8_0", self.good(self.export(model=quantised)).out)
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        scores = [self.good(self.score(requests, model=m)).out for m in (self.out, quantised, self.model)]
        self.assertEqual(scores[0], scores[1])
        self.assertNotEqual(scores[0], scores[2])

    def test_a_folder_serves_as_a_model(self):
        """Scores, a run and its export are those of the file that the folder was made from."""
        model, folder = self.marked_model()[0], self.here / "folder"
        self.good(zofo("export", "--model", model, "--out", folder))
        (folder / "chat_template.jinja").write_text("{{ messages }}")
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        scores = self.good(self.score(requests, model=model)).out
        self.assertEqual(self.good(self.score(requests, model=folder)).out, scores)
        for method, result in (("bilevel", "adapter/adapter_model.safetensors"), ("mezo", "trajectory.jsonl")):
            runs = [self.here / f"{method} of file", self.here / f"{method} of folder"]
            for run, source in zip(runs, (model, folder), strict=True):
                self.good(self.finetune(run, "--method", method, model=source))
            self.assertEqual(*((run / result).read_bytes() for run in runs))
            results = [json.loads((run / "result.json").read_text())["methods"][0] for run in runs]
            for name in ("loss", "model_hash", "theta_hash", "adapter_hash", "served"):
                self.assertEqual(results[0][name], results[1][name])
        runs = [self.here / "bilevel of file", self.here / "bilevel of folder"]
        self.good(self.export("--run", runs[1], "--merge", model=folder))
        for name in ("tokenizer.json", "tokenizer_config.json", "generation_config.json", "chat_template.jinja"):
            self.assertEqual((self.out / name).read_bytes(), (folder / name).read_bytes())
        merged = self.good(self.score(requests, model=self.out)).lines()
        apart = self.good(self.score(requests, "--run", runs[1], model=folder)).lines()
        for got, wanted in zip(merged, apart, strict=True):
            for a, b in zip(got["logprobs"], wanted["logprobs"], strict=True):
                self.assertAlmostEqual(a, b, delta=1e-4)
        self.out = self.here / "file"
        self.good(self.export("--format", "gguf", model=folder))
        self.assertEqual(self.good(self.score(requests, model=self.out)).out, scores)
        source, written = Gguf.read(model), Gguf.read(self.out)
        for name in ("tokens", "merges"):
            self.assertEqual(written.strings(f"tokenizer.ggml.{name}"), source.strings(f"tokenizer.ggml.{name}"))
        self.out = self.here / "another file"
        (folder / "tokenizer.json").unlink()
        self.refuse("tokenizer.json: does not exist", arguments=("--format", "gguf"), model=folder)

    def test_a_merged_file_scores_as_the_run(self):
        run = self.run_folder()
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        expected = self.good(self.score(requests, "--run", run)).lines()
        for dtype, tolerance in (("f32", 1e-4), ("bf16", 0.1), ("f16", 0.1), ("q8_0", 0.1), ("q6_k", 0.1), ("q4_k_m", 1.5),
                                 ("q4_0", 1.5)):
            with self.subTest(dtype):
                self.good(self.export("--run", run, "--merge", "--format", "gguf", "--dtype", dtype))
                merged = self.good(self.score(requests, model=self.out)).lines()
                for got, wanted in zip(merged, expected, strict=True):
                    for a, b in zip(got["logprobs"], wanted["logprobs"], strict=True):
                        self.assertAlmostEqual(a, b, delta=tolerance)
                self.out.unlink()

    def test_adapters(self):
        run = self.run_folder()
        base = lambda folder: json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]  # noqa: E731
        self.assertEqual(base(run / "adapter"), str(run))  # the run updated the backbone
        out = self.out
        self.out = f"{out}/"
        self.good(self.export("--run", run))
        self.assertTrue((out / "adapter" / "adapter_model.safetensors").is_file())
        self.assertEqual(base(out / "adapter"), str(out))
        requests = [("a superb stone", [" no", " yes"])]
        wanted = self.good(self.score(requests, "--run", run)).lines()[0]["logprobs"]
        self.assertNotEqual(self.good(self.score(requests)).lines()[0]["logprobs"], wanted)
        self.out = self.here / "adapter"
        self.refuse("updated the backbone", "differs from it by", "--without-backbone",
                    arguments=("--run", run, "--format", "peft"))
        done = self.good(self.export("--run", run, "--format", "peft", "--without-backbone"))
        change = float(re.search(r"differs from it by ([-+.e0-9]+) ", done.err)[1])
        self.assertAlmostEqual(change, self.relative_change(out), delta=1e-2 * change)
        self.assertEqual(base(self.out), str(self.model))
        self.assertEqual({path.name for path in self.out.iterdir()},
                         {"adapter_config.json", "adapter_model.safetensors"})
        tensors = safetensors(self.out / "adapter_model.safetensors")
        self.assertIn("base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight", tensors)
        run, self.out = self.here / "lora", self.here / "adapter of lora"
        self.good(self.finetune(run, "--method", "lora"))
        self.assertEqual(base(run / "adapter"), str(self.model))
        self.assertEqual(self.good(self.export("--run", run, "--format", "peft")).err, "")
        self.assertEqual(base(self.out), str(self.model))

    def test_a_lora_as_a_file(self):
        run, self.out = self.here / "lora", self.here / "lora.gguf"
        self.good(self.finetune(run, "--method", "lora"))
        self.assertIn("a LoRA as a GGUF file", self.good(self.export("--run", run, "--format", "gguf-lora")).out)
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        wanted = self.good(self.score(requests, "--run", run)).out
        self.assertNotEqual(self.good(self.score(requests)).out, wanted)
        self.assertEqual(self.good(self.score(requests, "--adapter", self.out)).out, wanted)
        self.refused(self.score(requests, "--adapter", self.model), "general.type", "must be adapter")
        self.refuse("already exists", arguments=("--run", run, "--format", "gguf-lora"))
        prompt, self.out = self.here / "prompt", self.here / "prompt.gguf"
        self.good(self.finetune(prompt, "--method", "prompt"))
        self.refuse("only a LoRA", arguments=("--run", prompt, "--format", "gguf-lora"))

    def test_a_split_model(self):
        gguf = Gguf.read(self.model)
        first, second = (self.here / f"part-0000{i}-of-00002.gguf" for i in (1, 2))
        names = list(gguf.tensors)
        for number, path in enumerate((first, second)):
            part = Gguf()
            part.keys = dict(gguf.keys) if number == 0 else {}
            for key, value in (("no", number), ("count", 2), ("tensors.count", len(names))):
                part.keys[f"split.{key}"] = (U32, struct.pack("<I", value))
            part.tensors = {name: gguf.tensors[name] for name in names[number::2]}
            path.write_bytes(part.bytes())
        requests = [("a superb stone", [" no", " yes"])]
        wanted = self.good(self.score(requests)).out
        self.assertEqual(self.good(self.score(requests, model=first)).out, wanted)
        self.good(self.export("--format", "gguf", model=first))
        self.assertEqual(self.good(self.score(requests, model=self.out)).out, wanted)
        self.refused(self.score(requests, model=second), "is part 2 of 2", first.name)
        second.unlink()
        self.refused(self.score(requests, model=first), second.name, "is missing", "part 2 of 2")

    def relative_change(self, folder):
        """‖θ_K − θ_0‖/‖θ_0‖ of an exported run."""
        start = self.here / "start"
        self.good(zofo("export", "--model", self.model, "--out", start))
        before, after = (safetensors(f / "model.safetensors") for f in (start, folder))
        squares = [((x - y) ** 2, x**2) for name in before for x, y in zip(before[name][1], after[name][1], strict=True)]
        return math.sqrt(math.fsum(change for change, _ in squares) / math.fsum(norm for _, norm in squares))

    def test_refusals(self):
        self.refuse('--format = "tar"', "hf, gguf, peft", arguments=("--format", "tar"))
        self.refuse('--dtype = "f8"', "f32, f16, bf16, q8_0, q4_0, q4_k_m, q6_k", arguments=("--dtype", "f8"))
        self.refuse("--dtype q8_0", arguments=("--dtype", "q8_0"))
        self.refuse("--run", arguments=("--merge",))
        self.refuse("--run", arguments=("--format", "peft"))
        self.refuse("absent", arguments=("--run", self.here / "absent"))
        self.refuse("absent.gguf", model=self.here / "absent.gguf")
        self.refuse("has no tokenizer", model=self.task)
        self.refuse("config.json", arguments=("--no-tokenizer",), model=self.task)
        self.refused(zofo("export", "--model", self.model), "--out")
        self.refused(zofo("export", "--model", self.model, "--out", ""), "--out")
        run = self.run_folder()
        self.refuse("--merge", arguments=("--run", run, "--format", "gguf"))
        for only in ("peft", "gguf-lora"):
            self.refuse("f32", arguments=("--run", run, "--format", only, "--dtype", "bf16"))
            self.refuse("updated the backbone", "--without-backbone", arguments=("--run", run, "--format", only))
        self.refuse("--dtype f16", "--format gguf", arguments=("--dtype", "f16"))
        self.refuse("--without-backbone", arguments=("--run", run, "--without-backbone"))
        self.refuse("--merge", arguments=("--run", run, "--format", "peft", "--merge"))

    def test_nothing_is_overwritten(self):
        self.out.mkdir()
        for form in ("hf", "gguf"):
            self.refuse("already exists", arguments=("--format", form))
        self.out.rmdir()
        self.out.write_text("mine")
        for form in ("hf", "gguf"):
            self.refuse("already exists", arguments=("--format", form))
        self.assertEqual(self.out.read_text(), "mine")

    def test_a_folder_that_cannot_be_written(self):
        self.refused(zofo("export", "--model", self.model, "--out", "/proc/zofo"), "/proc/zofo")
        self.refused(zofo("export", "--model", self.model, "--format", "gguf", "--out", "/proc/zofo"), "/proc/zofo")


if __name__ == "__main__":
    program.main()
