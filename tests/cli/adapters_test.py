"""Adapters in peft's format, wherever they are from: evaluated, the start of a training, checkpoints of a run."""

import json
import shutil
import unittest

import program
from program import Case, zofo

REQUEST = json.dumps({"prompt": " stone river :", "options": [" no", " yes"]}) + "\n"


class Base(Case):
    def adapter(self, method: str, *arguments):
        """The adapter of a short run, in a folder of its own."""
        self.good(self.finetune(self.here / method, "--method", method, *arguments))
        shutil.copytree(self.here / method / "adapter", self.here / f"{method}-adapter")
        return self.here / f"{method}-adapter"

    def loss(self, *arguments):
        return self.good(self.evaluate(*arguments)).json()["loss"]


class Adapters(Base):
    def test_every_command_takes_a_folder(self):
        for method in ("lora", "prefix", "prompt"):
            with self.subTest(method):
                folder, run = self.adapter(method, "--lower-learning-rate", 0.05), self.here / method
                self.assertEqual(self.loss("--adapter", folder), self.loss("--run", run))
                self.assertGreater(abs(self.loss("--adapter", folder) - self.loss()), 1e-4)
                common = ("--model", self.model)
                for command in (("generate", "--prompt", " stone"), ("predict", "--task", self.task, "--split", "validation")):
                    by = [self.good(zofo(*command, *common, *which)).out for which in (("--adapter", folder), ("--run", run))]
                    self.assertEqual(by[0], by[1])
                by = [self.good(zofo("score", *common, *which, stdin=REQUEST)).out
                      for which in (("--adapter", folder), ("--run", run))]
                self.assertEqual(by[0], by[1])

    def test_another_adapter_on_a_run(self):
        folder = self.adapter("lora", "--lower-learning-rate", 0.05)
        run = self.here / "mezo"
        self.good(self.finetune(run, "--method", "mezo"))
        self.assertNotEqual(self.loss("--run", run, "--adapter", folder), self.loss("--run", run))
        self.refused(zofo("score", "--run", self.here / "lora", "--adapter", folder, stdin=REQUEST), "NAME=FOLDER")
        signed = folder.rename(self.here / "lr=0.05")
        self.assertEqual(self.good(zofo("score", "--model", self.model, "--adapter", signed, stdin=REQUEST)).out,
                         self.good(zofo("score", "--run", self.here / "lora", stdin=REQUEST)).out)
        for flag in ("--adapter", "--run"):  # of a shell's variable without value
            self.refused(self.evaluate(flag, ""), flag, "must not be empty")

    def test_what_is_not_supported_is_named(self):
        folder = self.adapter("lora")
        config = json.loads((folder / "adapter_config.json").read_text())
        for field, value in (("lora_bias", True), ("modules_to_save", ["norm"]), ("peft_type", "IA3"), ("rank_pattern", {"q_proj": 0})):
            (folder / "adapter_config.json").write_text(json.dumps({**config, field: value}))
            for result in (self.evaluate("--adapter", folder), self.finetune(self.here / "x", "--start-adapter", folder)):
                self.refused(result, "adapter_config.json", field)
            self.assertFalse((self.here / "x").exists())


    def dora(self):
        """A DoRA made of a LoRA, with magnitudes of 0.5 for every row."""
        folder = self.adapter("lora", "--lower-learning-rate", 0.05)
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps({**config, "use_dora": True}))
        tensors = program.safetensors(folder / "adapter_model.safetensors")
        for name in list(tensors):
            if name.endswith("lora_B.weight"):
                rows = tensors[name][0][0]
                tensors[name.replace("lora_B.weight", "lora_magnitude_vector")] = ([rows], [0.5] * rows)
        program.write_safetensors(folder / "adapter_model.safetensors", tensors)
        return folder

    def test_dora_is_merged(self):
        folder, merged = self.dora(), self.here / "merged"
        self.assertGreater(abs(self.loss("--adapter", folder) - self.loss()), 1e-3)
        self.good(zofo("export", "--model", self.model, "--adapter", folder, "--merge", "--out", merged))
        by = [self.good(zofo("evaluate", "--model", model, "--task", self.task, "--json", *more)).json()["loss"]
              for model, more in ((self.model, ("--adapter", folder)), (merged, ()))]
        self.assertAlmostEqual(*by, delta=1e-6)
        scores = [self.good(zofo("score", "--model", model, *more, stdin=REQUEST)).json()["logprobs"]
                  for model, more in ((self.model, ("--adapter", folder)), (merged, ()))]
        for one, other in zip(*scores):
            self.assertAlmostEqual(one, other, delta=1e-4)
        advice = ("use_dora = true", "zofo export --model MODEL --adapter FOLDER --merge")
        self.refused(zofo("score", "--model", self.model, "--adapter", f"a={folder}", stdin=REQUEST), *advice)
        self.refused(zofo("export", "--model", self.model, "--adapter", folder, "--out", self.here / "x"), *advice)
        self.refused(self.finetune(self.here / "x", "--method", "lora", "--start-adapter", folder), *advice)
        self.refused(self.evaluate("--run", self.here / "lora", "--adapter", folder), "--merge")
        self.assertFalse((self.here / "x").exists())

    def test_an_adapter_is_exported(self):
        folder, out = self.adapter("lora", "--lower-learning-rate", 0.05), self.here / "a.gguf"
        self.good(zofo("export", "--model", self.model, "--adapter", folder, "--format", "gguf-lora", "--out", out))
        self.assertEqual(self.loss("--adapter", out), self.loss("--adapter", folder))
        self.good(zofo("export", "--model", self.model, "--adapter", out, "--merge", "--out", self.here / "merged"))
        by = self.good(zofo("evaluate", "--model", self.here / "merged", "--task", self.task, "--json")).json()["loss"]
        self.assertAlmostEqual(by, self.loss("--adapter", folder), delta=1e-5)
        self.refused(zofo("export", "--model", self.model, "--adapter", "", "--out", self.here / "x"), "--adapter")

    def test_a_pickle_is_named(self):
        folder = self.adapter("lora")
        (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
        self.refused(self.evaluate("--adapter", folder), "adapter_model.bin", "pickle", "save_file")


class Start(Base):
    def test_ranks_and_blocks_that_differ(self):
        targets = "1.q_proj:2:4,v_proj:3"
        folder = self.adapter("lora", "--lower-learning-rate", 0.05, "--lora-target-modules", targets)
        config = json.loads((folder / "adapter_config.json").read_text())
        self.assertEqual(set(config["rank_pattern"].values()) | {config["r"]}, {2, 3})
        self.assertIn("model.layers.1.self_attn.q_proj", config["target_modules"])
        self.assertNotIn("model.layers.0.self_attn.q_proj", config["target_modules"])
        self.assertEqual(self.loss("--adapter", folder), self.loss("--run", self.here / "lora"))
        weights = "adapter_model.safetensors"
        for method, flags in (("lora", ("--lower-learning-rate", 0)), ("mezo-lora", ("--zo-learning-rate", 0))):
            run = self.here / f"{method}-again"
            self.good(self.finetune(run, "--method", method, "--start-adapter", folder, *flags))
            self.assertEqual((run / "adapter" / weights).read_bytes(), (folder / weights).read_bytes())
            self.good(zofo("finetune", "--resume", run, "--max-steps", 5))
        self.good(zofo("replay", "--model", self.model, "--run", self.here / "mezo-lora-again"))
        moved = self.here / "moved"
        self.good(self.finetune(moved, "--method", "lora", "--start-adapter", folder, "--lower-learning-rate", 0.05))
        self.assertNotEqual((moved / "adapter" / weights).read_bytes(), (folder / weights).read_bytes())

    def test_a_training_starts_there(self):
        for method, sizes in (("lora", ("--lora-rank", 3, "--lora-alpha", 5, "--lora-target-modules", "q_proj,o_proj")),
                              ("prefix", ("--num-virtual-tokens", 3)), ("prompt", ("--num-virtual-tokens", 2))):
            with self.subTest(method):
                folder = self.adapter(method, "--lower-learning-rate", 0.05, *sizes)
                run = self.here / f"{method}-again"
                self.good(self.finetune(run, "--method", "lora", "--start-adapter", folder, "--lower-learning-rate", 0))
                weights = "adapter_model.safetensors"
                self.assertEqual((run / "adapter" / weights).read_bytes(), (folder / weights).read_bytes())
                shutil.rmtree(folder)
                self.good(zofo("finetune", "--resume", run, "--max-steps", 5))
                self.assertTrue((run / "start_adapter" / weights).exists())

    def test_both_levels_and_estimates_start_there(self):
        folder = self.adapter("lora", "--lower-learning-rate", 0.05)
        still = ("--lower-learning-rate", 0, "--upper-learning-rate", 0, "--zo-learning-rate", 0)
        for method in ("bilevel", "mezo-lora"):
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, "--start-adapter", folder, *still))
                self.assertAlmostEqual(self.loss("--run", run), self.loss("--adapter", folder), delta=1e-6)
        self.good(zofo("replay", "--model", self.model, "--run", self.here / "mezo-lora"))

    def test_contradictions_are_refused(self):
        folder = self.adapter("lora", "--lora-rank", 3)
        out = self.here / "x"
        for flags, parts in ((("--lora-rank", 4), ("lora_rank = 4", "has 3")), (("--adapter", "prefix"), ("start_adapter", "lora")),
                             (("--lora-target-modules", "k_proj"), ("lora_target_modules",))):
            self.refused(self.finetune(out, "--method", "lora", "--start-adapter", folder, *flags), *parts)
            self.assertFalse(out.exists())
        self.refused(self.finetune(out, "--start-adapter", self.here / "none"), "none/adapter_config.json")


class Checkpoints(Base):
    COMMON = ("--max-steps", 12, "--eval-steps", 3, "--save-seconds", 0, "--batch-size", 4)

    def run_of(self, method: str, *arguments, keep=2):
        run = self.here / "run"
        done = self.good(self.finetune(run, "--method", method, *self.COMMON, "--keep-checkpoints", keep, *arguments))
        (result,) = json.loads((run / "result.json").read_text())["methods"]
        return run, done, result

    def losses(self, run) -> dict:
        """Step: loss on the validation examples, as the run logged them."""
        found = [row for row in program.rows(run / "metrics.jsonl") if row["event"] == "decision"]
        return {row["step"]: row["loss"] for row in found}

    def whole(self, run) -> dict:
        (result,) = json.loads((run / "result.json").read_text())["methods"]
        for name in ("seconds", "scoring_seconds", "peak_mib"):
            result.pop(name)
        return {"metrics": program.untimed_metrics(run), "result": result, "served": (run / "served.json").read_text(),
                "trajectory": (run / "trajectory.jsonl").read_bytes()}

    def test_the_best_is_kept_and_selected(self):
        run, done, result = self.run_of("lora", "--lower-learning-rate", 0.3)
        losses = self.losses(run)
        self.assertEqual(sorted(losses), [3, 6, 9, 12])
        best = min(losses, key=losses.get)
        self.assertEqual(result["served_steps"], best)
        kept = {path.name for path in (run / "checkpoints").iterdir()}
        latest = max(step for step in losses if step != best)
        self.assertEqual(kept, {f"step-{best}", f"step-{latest}"})
        weights = "adapter_model.safetensors"
        self.assertEqual((run / "adapter" / weights).read_bytes(), (run / "checkpoints" / f"step-{best}" / weights).read_bytes())
        for text in (done.out, result["selection"]):
            self.assertIn(f"step {best} of 12", text)
            self.assertIn("lowest", text)
        self.assertEqual(self.loss("--adapter", run / "checkpoints" / f"step-{best}"), self.loss("--run", run))

    def test_a_run_resumes_from_any_checkpoint(self):
        for method, flags in (("lora", ("--lower-learning-rate", 0.05)), ("bilevel", ("--zo-learning-rate", 1e-3)),
                              ("mezo", ("--zo-learning-rate", 1e-3, "--variance-reduction", "storm"))):
            with self.subTest(method):
                run, _, _ = self.run_of(method, *flags, "--curve-points", 3, keep=9)
                wanted = self.whole(run)
                self.refused(zofo("finetune", "--resume", run, "--from-step", 4), "--from-step 4", "3, 6, 9, 12")
                if method == "bilevel":  # the adapter belongs to the backbone of this step, not to the initial one
                    config = json.loads((run / "checkpoints" / "step-9" / "adapter_config.json").read_text())
                    self.assertEqual(config["base_model_name_or_path"], str(run / "checkpoints" / "step-9"))
                for step in (9, 3):
                    unfinished = run / "checkpoints" / "step-12.part"  # as a kill leaves it
                    unfinished.mkdir()
                    (unfinished / "adapter_config.json").write_text("{")
                    self.good(zofo("finetune", "--resume", run, "--from-step", step))
                    self.assertEqual(self.whole(run), wanted)
                self.assertEqual(len(list((run / "checkpoints").iterdir())), 4)
                shutil.rmtree(run)

    def test_a_damaged_checkpoint_changes_nothing(self):
        run, _, _ = self.run_of("lora", keep=9)
        before = self.whole(run), (run / "state.bin").read_bytes()
        checkpoints = run / "checkpoints"
        for name, content, part in (("state.bin", (checkpoints / "step-9" / "state.bin").read_bytes(), "is the state of step 9"),
                                    ("state.bin", b"x", "step-6/state.bin"), ("checkpoint.json", b"{", "step-6/checkpoint.json")):
            whole = (checkpoints / "step-6" / name).read_bytes()
            (checkpoints / "step-6" / name).write_bytes(content)
            self.refused(zofo("finetune", "--resume", run, "--from-step", 6), part)
            self.assertEqual((self.whole(run), (run / "state.bin").read_bytes()), before)
            (checkpoints / "step-6" / name).write_bytes(whole)
        self.good(zofo("finetune", "--resume", run, "--from-step", 6))
        # A kill after the run went back: what it had selected later is no result of it any more.
        more = ("finetune", "--resume", run, "--from-step", 6, "--max-steps", 100000, "--save-seconds", 0)
        with program.Running(*more) as running:
            running.wait_for(lambda: len(program.rows(run / "metrics.jsonl")) > 30)
        self.refused(self.evaluate("--run", run), "served.json")
        self.assertIn("result.json is absent", zofo("show", run, "--table").out)

    def test_without_checkpoints_the_last_step_is_named(self):
        done = self.good(self.finetune(self.here / "run", "--method", "lora"))
        self.assertIn("selected: the adapter of the last step, 3", done.out)
        self.refused(self.finetune(self.here / "x", "--from-step", 3), "--from-step", "--resume")
        self.refused(zofo("finetune", "--resume", self.here / "run", "--keep-checkpoints", 2), "keep_checkpoints")


if __name__ == "__main__":
    program.main()
