"""Every method of zofo finetune as a preset: zofo methods, --adapter, budgets, and what runs of each kind serve."""

import json
import re
import tomllib
import unittest

import program
from program import Case, zofo

SHORT = ("--max-steps", 4, "--batch-size", 4, "--curve-points", 2, "--num-virtual-tokens", 3)


def result_of(run) -> dict:
    return json.loads((run / "result.json").read_text())["methods"][0]


class Methods(Case):
    def names(self) -> list:
        return re.findall(r"^(\S+) +\S.*: ", self.good(zofo("methods")).out, re.MULTILINE)

    def test_each_is_listed_with_its_paper(self):
        said = self.good(zofo("methods")).out
        self.assertEqual(len(self.names()), 20)
        self.assertEqual(len(re.findall(r"\b20\d\d, [A-Z]", said)), 20)
        docs = (program.Path(__file__).parents[2] / "docs" / "guide" / "methods.md").read_text()
        self.assertEqual(re.findall(r"^\| `([a-z]+[a-z-]*)` \|", docs, re.MULTILINE), self.names())

    def test_each_trains_and_what_it_serves_is_scored_the_same_afterwards(self):
        for method in self.names():
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, *SHORT))
                result = result_of(run)
                self.assertEqual((result["method"], result["steps"]), (method, 0 if method == "none" else 4))
                config = run / "adapter" / "adapter_config.json"
                kind = {"LORA": "lora", "PREFIX_TUNING": "prefix", "PROMPT_TUNING": "prompt"}
                stored = kind[json.loads(config.read_text())["peft_type"]] if config.exists() else "none"
                self.assertEqual(stored, result["adapter"])
                self.assertGreater(result["peak_mib"], 0)
                report = self.good(self.evaluate("--run", run)).json()
                for name in ("accuracy", "macro_f1", "loss"):
                    self.assertAlmostEqual(report[name], result[name], delta=1e-6, msg=name)

    def test_an_adapter_names_the_sibling_that_has_it(self):
        for method, adapter, wanted in (("bilevel", "prefix", "bilevel-prefix"), ("lora", "prompt", "prompt"),
                                        ("mezo", "lora", "mezo-lora"), ("mezo-prompt", "none", "mezo")):
            run = self.here / wanted
            self.good(self.finetune(run, "--method", method, "--adapter", adapter, *SHORT))
            self.assertEqual(result_of(run)["method"], wanted)
        run = self.here / "default"
        self.good(self.finetune(run, "--adapter", "prompt", "--max-steps", 1))
        options = tomllib.loads((run / "options.toml").read_text())
        self.assertEqual((options["method"], options["num_virtual_tokens"]), ("bilevel-prompt", 20))
        file = self.here / "options.toml"
        file.write_text('method = "bilevel"\nadapter = "prefix"\nmax_steps = 1\n')
        self.good(self.finetune(self.here / "file", "--config", file))
        self.assertEqual(result_of(self.here / "file")["method"], "bilevel-prefix")
        run = self.here / "refused"
        self.refused(self.finetune(run, "--method", "fzoo", "--adapter", "lora"), 'adapter = "lora"', "fzoo", "none")
        self.refused(self.finetune(run, "--adapter", "ia3"), 'adapter = "ia3"', "lora, prefix, prompt")
        self.refused(self.finetune(run, "--method", "mezo", "--max-grad-norm", 1), "max_grad_norm = 1", "mezo")
        self.refused(self.finetune(run, "--adapter", "prefix", "--num-virtual-tokens", 256), "prefix tokens = 256", "context")
        long = self.make_task("long")
        with (long / "train.jsonl").open("a") as rows:
            rows.write(json.dumps({"text": "a" * 240, "label": 1}) + "\n")
        self.good(self.finetune(self.here / "fits", "--max-steps", 1, task=long))
        self.refused(self.finetune(run, "--adapter", "prompt", "--num-virtual-tokens", 20, task=long), "train.jsonl:61",
                     "of which the adapter takes 20")
        self.assertFalse(run.exists())

    def test_each_kind_of_adapter_learns(self):
        for method, rate in (("prefix", 0.1), ("prompt", 0.03)):
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, "--max-steps", 250, "--lower-learning-rate", rate,
                                        "--num-virtual-tokens", 5,
                                        "--curve-points", 0, task=program.tiny() / "tiny_task"))
                self.assertGreater(result_of(run)["accuracy"], 0.95)

    def test_adapters_are_exported_as_stored(self):
        for method in ("lora", "prefix", "mezo-prompt"):
            run, out = self.here / method, self.here / f"{method} out"
            self.good(self.finetune(run, "--method", method, *SHORT))
            self.good(zofo("export", "--model", self.model, "--run", run, "--format", "peft", "--out", out))
            for name in ("adapter_model.safetensors", "adapter_config.json"):
                self.assertEqual((out / name).read_bytes(), (run / "adapter" / name).read_bytes())
        self.refused(zofo("export", "--model", self.model, "--run", self.here / "prefix", "--merge", "--out",
                          self.here / "merged"), "--merge", "selected a prefix")


class Budgets(Case):
    def test_passes_bound_a_run(self):
        """A step of bilevel: T gradients on D_g and on D_f + D_g, then F(p), G(p), G(s) at both probes."""
        for method, options, of_a_step in (("mezo", (), 2), ("lora", (), 2), ("mezo-svrg", ("--variance-reduction", "none"), 2),
                                           ("fzoo", ("--num-directions", 4), 5),
                                           ("bilevel", ("--inner-steps", 3), 3 * (2 + 4) + 6)):
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, "--batch-size", 2, "--max-steps", 0, "--max-forward-passes", 100, *options))
                result = result_of(run)
                self.assertEqual((result["steps"], result["passes"]), (100 // of_a_step, 100 // of_a_step * of_a_step))
                rows = program.rows(run / "metrics.jsonl")
                self.assertEqual([row["passes"] for row in rows if row["event"] == "step"],
                                 [of_a_step * (k + 1) for k in range(result["steps"])])
                for row in rows:
                    self.assertLessEqual({"event", "step", "seconds", "passes"}, set(row))

    def test_accumulated_steps_cost_as_many_passes_as_they_have_pieces(self):
        for pieces in (1, 3):
            run = self.here / str(pieces)
            self.good(self.finetune(run, "--method", "mezo", "--gradient-accumulation-steps", pieces, "--batch-size", 2))
            self.assertEqual(result_of(run)["passes"], 3 * 2 * pieces)

    def test_stopping_early_serves_the_best(self):
        for method, rate in (("lora", "--lower-learning-rate"), ("mezo", "--zo-learning-rate")):
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, rate, 0.3, "--max-steps", 200, "--early-stopping-patience", 2,
                                        "--eval-steps", 3))
                result = result_of(run)
                judged = [row for row in program.rows(run / "metrics.jsonl") if row["event"] == "decision"]
                losses = [row["loss"] if row["loss"] is not None else float("inf") for row in judged]
                best = min(range(len(judged)), key=lambda k: losses[k])
                self.assertTrue(result["stopped_early"])
                self.assertEqual(len(judged), best + 3)
                self.assertEqual((result["served_steps"], result["steps"]), (judged[best]["step"], judged[-1]["step"]))
                self.assertIsNotNone(judged[best]["accuracy"])
                report = self.good(self.evaluate("--run", run)).json()
                self.assertAlmostEqual(report["loss"], result["loss"], delta=1e-6)
                self.good(zofo("replay", "--model", self.model, "--run", run))


if __name__ == "__main__":
    program.main()
