"""zofo export: folders and files that hold what the run computes, and refusals that leave nothing behind."""

import json
import struct
import unittest

import program
from gguf import Gguf
from program import Case, zofo


def safetensors(path):
    """The tensors of an F32 file as {name: (shape, floats)}, read without any library."""
    data = path.read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", entry
            begin, end = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = (entry["shape"], struct.unpack(f"<{(end - begin) // 4}f", data[begin:end]))
    return tensors


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

    def folder_with_tokenizer(self):
        """The model as a folder, with the GGUF file's vocabulary written as Hugging Face does."""
        folder, gguf = self.here / "folder", Gguf.read(self.model)
        self.good(zofo("export", "--model", self.model, "--out", folder))
        tokens, merges = (gguf.strings(f"tokenizer.ggml.{name}") for name in ("tokens", "merges"))
        split = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
        bpe = {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": merges}
        document = {"version": "1.0", "added_tokens": [], "normalizer": None, "pre_tokenizer": split,
                    "post_processor": None, "decoder": split, "model": bpe}
        (folder / "tokenizer.json").write_text(json.dumps(document))
        return folder

    def test_a_folder_serves_as_a_model(self):
        """Scores, a run and its export are those of the file that the folder was made from."""
        folder = self.folder_with_tokenizer()
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        self.assertEqual(self.good(self.score(requests, model=folder)).out, self.good(self.score(requests)).out)
        runs = [self.here / "run", self.here / "run of folder"]
        for run, model in zip(runs, (self.model, folder), strict=True):
            self.good(self.finetune(run, model=model))
        weights = [(run / "adapter" / "adapter_model.safetensors").read_bytes() for run in runs]
        self.assertEqual(*weights)
        self.good(self.export("--run", runs[1], "--merge", model=folder))
        self.assertEqual((self.out / "tokenizer.json").read_bytes(), (folder / "tokenizer.json").read_bytes())
        merged = self.good(self.score(requests, model=self.out)).lines()
        beside = self.good(self.score(requests, "--run", runs[1], model=folder)).lines()
        for got, wanted in zip(merged, beside, strict=True):
            for a, b in zip(got["logprobs"], wanted["logprobs"], strict=True):
                self.assertAlmostEqual(a, b, delta=1e-4)
        self.out = self.here / "file"
        self.good(self.export("--format", "gguf", model=folder))
        self.assertEqual(self.good(self.score(requests, model=self.out)).out, self.good(self.score(requests)).out)
        source, written = Gguf.read(self.model), Gguf.read(self.out)
        for name in ("tokens", "merges"):
            self.assertEqual(written.strings(f"tokenizer.ggml.{name}"), source.strings(f"tokenizer.ggml.{name}"))
        self.out = self.here / "another file"
        (folder / "tokenizer.json").unlink()
        self.refuse("tokenizer.json: does not exist", arguments=("--format", "gguf"), model=folder)

    def test_a_merged_file_scores_as_the_run(self):
        run = self.run_folder()
        requests = [("a superb stone", [" no", " yes"]), ("dull", [" yes", " no"])]
        expected = self.good(self.score(requests, "--run", run)).lines()
        for dtype, tolerance in (("f32", 1e-4), ("bf16", 0.1), ("q8_0", 0.1)):
            with self.subTest(dtype):
                self.good(self.export("--run", run, "--merge", "--format", "gguf", "--dtype", dtype))
                merged = self.good(self.score(requests, model=self.out)).lines()
                for got, wanted in zip(merged, expected, strict=True):
                    for a, b in zip(got["logprobs"], wanted["logprobs"], strict=True):
                        self.assertAlmostEqual(a, b, delta=tolerance)
                self.out.unlink()

    def test_adapters(self):
        run = self.run_folder()
        self.good(self.export("--run", run))
        self.assertTrue((self.out / "adapter" / "adapter_model.safetensors").is_file())
        config = json.loads((self.out / "adapter" / "adapter_config.json").read_text())
        self.assertEqual(config["base_model_name_or_path"], str(self.out))
        self.out = self.here / "adapter"
        self.good(self.export("--run", run, "--format", "peft"))
        self.assertEqual({path.name for path in self.out.iterdir()},
                         {"adapter_config.json", "adapter_model.safetensors"})
        tensors = safetensors(self.out / "adapter_model.safetensors")
        self.assertIn("base_model.model.model.layers.1.self_attn.v_proj.lora_B.weight", tensors)

    def test_refusals(self):
        self.refuse('--format = "tar"', "hf, gguf, peft", arguments=("--format", "tar"))
        self.refuse('--dtype = "f8"', "f32, bf16, q8_0", arguments=("--dtype", "f8"))
        self.refuse("--dtype q8_0", arguments=("--dtype", "q8_0"))
        self.refuse("--run", arguments=("--merge",))
        self.refuse("--run", arguments=("--format", "peft"))
        self.refuse("absent", arguments=("--run", self.here / "absent"))
        self.refuse("absent.gguf", model=self.here / "absent.gguf")
        self.refuse("config.json", model=self.task)
        self.refused(zofo("export", "--model", self.model), "--out")
        self.refused(zofo("export", "--model", self.model, "--out", ""), "--out")
        run = self.run_folder()
        self.refuse("--merge", arguments=("--run", run, "--format", "gguf"))
        self.refuse("f32", arguments=("--run", run, "--format", "peft", "--dtype", "bf16"))
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
