"""A run folder is whole: it names its model with a hash, holds its task, and needs nothing else."""

import json
import os
import shutil
import unittest

import program
from program import Case, zofo


class RunFolder(Case):
    def ended(self, run) -> dict:
        (result,) = json.loads((run / "result.json").read_text())["methods"]
        return result

    def info(self, run) -> dict:
        return json.loads((run / "run.json").read_text())

    def moved(self):
        """A copy of the model at a place of its own."""
        shutil.copy(self.model, self.here / "model.gguf")
        return self.here / "model.gguf"

    def test_everything_works_after_the_task_is_gone(self):
        run = self.here / "run"
        self.good(self.finetune("run", "--method", "lora", "--max-steps", 8, "--demonstrations", 2, "--max-prompt-tokens", 60,
                                cwd=self.here))
        held_out = program.rows(self.task / "validation.jsonl")
        shutil.rmtree(self.task)
        report = self.good(zofo("evaluate", "--json", "--run", run)).json()
        for name in ("accuracy", "loss", "rows"):
            self.assertAlmostEqual(report[name], self.ended(run)[name], delta=1e-6, msg=name)
        done = self.good(zofo("predict", "--run", run, "--split", "validation", "--metrics", self.here / "m.json"))
        self.assertEqual([row["text"] for row in done.lines()], [row["text"] for row in held_out])
        metrics = json.loads((self.here / "m.json").read_text())
        self.assertAlmostEqual(metrics["loss"], report["loss"], delta=1e-6)
        request = json.dumps({"prompt": " stone :", "options": [" no", " yes"]}) + "\n"
        for flags in ((), ("--model", self.model)):
            scored = self.good(zofo("score", "--run", run, *flags, stdin=request)).out
            generated = self.good(zofo("generate", "--run", run, *flags, "--prompt", " stone", "--max-new-tokens", 3)).out
            if not flags:
                first = (scored, generated)
        self.assertEqual(first, (scored, generated))

    def test_what_run_json_says(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--method", "lora", "--seed", 5))
        info = self.info(run)
        self.assertEqual(info["model"], {"path": str(self.model), "hash": self.ended(run)["model_hash"]})
        self.assertEqual((info["seed"], info["method"], info["command"]), (5, "lora", "finetune"))
        (command,) = info["commands"]
        self.assertEqual(command["arguments"], [program.PROGRAM, "finetune", "--model", str(self.model), "--task", str(self.task),
                                                "--out", str(run), "--max-steps", "3", "--method", "lora", "--seed", "5"])
        self.assertEqual(command["version"], zofo("--version").out.split()[-1])
        self.assertGreater(command["machine"]["cores"], 0)
        (task,) = info["tasks"]
        self.assertEqual((task["name"], task["prompt"], task["choices"], task["folder"]),
                         ("tiny", " {text} :", [" no", " yes"], "tasks/task"))
        self.good(zofo("finetune", "--resume", run, "--max-steps", 5))
        self.assertEqual(self.info(run)["commands"][1]["arguments"][1:4], ["finetune", "--resume", str(run)])
        self.assertEqual(self.info(run)["model"], info["model"])

    def test_a_model_that_moved_or_changed_is_named(self):
        model, run = self.moved(), self.here / "run"
        self.good(self.finetune(run, "--method", "lora", model=model))
        wanted = self.good(zofo("evaluate", "--json", "--run", run)).json()["loss"]
        elsewhere = self.here / "elsewhere.gguf"
        model.rename(elsewhere)
        self.refused(zofo("evaluate", "--run", run), "model.gguf", "is not there", "--model")
        same = self.good(zofo("evaluate", "--json", "--run", run, "--model", elsewhere))
        self.assertEqual((same.json()["loss"], same.err), (wanted, ""))
        self.good(zofo("export", "--model", elsewhere, "--format", "gguf", "--dtype", "bf16", "--out", model))
        self.refused(zofo("evaluate", "--run", run), "model.gguf", "weights are not those", self.info(run)["model"]["hash"])
        other = self.good(zofo("evaluate", "--json", "--run", run, "--model", model))
        self.assertIn("warning", other.err)
        self.assertIn("weights are not those", other.err)

    def test_paths_may_be_no_text(self):
        odd = self.here / os.fsdecode(b"caf\xe9")
        odd.mkdir()
        shutil.copy(self.model, odd / "model.gguf")
        for method in ("lora", "bilevel"):  # bilevel's adapter names the run folder as its base
            run = odd / method
            self.good(self.finetune(run, "--method", method, model=odd / "model.gguf"))
            self.assertTrue((run / "done").exists())
            report = self.good(zofo("evaluate", "--json", "--run", run, "--model", odd / "model.gguf")).json()
            self.assertAlmostEqual(report["loss"], self.ended(run)["loss"], delta=1e-6)
            self.good(zofo("finetune", "--resume", run, "--model", odd / "model.gguf", "--max-steps", 5))

    def test_a_run_of_meta_train_is_named(self):
        run, other = self.here / "run", self.make_task("other", toml=program.TASK.replace('"tiny"', '"other"'))
        self.good(zofo("meta-train", "--model", self.model, "--tasks", f"{self.task},{other}", "--max-steps", 2, "--out", run))
        self.refused(zofo("predict", "--run", run, "--split", "validation"), "has 2 tasks: tiny, other")
        self.refused(self.evaluate("--run", run), "meta-train", "zofo adapt")

    def test_refusals(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--method", "lora"))
        for command in ("evaluate", "score", "generate"):
            self.refused(zofo(command), "--model")
        self.refused(zofo("evaluate", "--model", self.model), "--task")
        self.refused(zofo("evaluate", "--run", self.here / "none"), "no such run folder")
        info = self.info(run)
        info["tasks"][0]["folder"] = "../task"
        (run / "run.json").write_text(json.dumps(info))
        self.refused(zofo("evaluate", "--run", run), "inside the run's folder")
        (run / "run.json").unlink()  # as of an earlier release
        self.refused(zofo("evaluate", "--run", run), "run.json", "earlier release", "--model")
        self.good(zofo("evaluate", "--run", run, "--model", self.model, "--task", self.task))


if __name__ == "__main__":
    program.main()
