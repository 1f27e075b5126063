"""zofo adapt: a new task from a few examples, over a model or a meta-trained run; zofo score with its adapters."""

import json
import math
import unittest

import program
from program import TASK, Case, zofo


class Adapt(Case):
    def setUp(self):
        super().setUp()
        self.first = self.make_task("a", toml=TASK.replace('"tiny"', '"a"'))
        self.new = self.make_task("new", toml=TASK.replace('"tiny"', '"new"'))

    def meta_train(self, out, *arguments, model=None):
        return zofo("meta-train", "--model", model or self.model, "--tasks", self.first, "--out", self.here / out,
                    "--max-steps", 12, "--lower-learning-rate", 0.01, "--upper-learning-rate", 0.01, *arguments)

    def adapt(self, *arguments, task=None, model=None):
        return zofo("adapt", "--model", model or self.model, "--task", task or self.new, "--max-steps", 20, "--learning-rate", 0.02,
                    *arguments)

    def test_draws_of_examples(self):
        lines = self.good(self.adapt("--shots", "1,4", "--examples", 5, "--num-seeds", 3, "--json")).lines()
        self.assertEqual(len(lines), 9)
        self.assertEqual([line["training_rows"] for line in lines], [5] * 3 + [2] * 3 + [8] * 3)
        self.assertEqual([line["seed"] for line in lines], [0, 1, 2] * 3)
        self.assertTrue(all(line["rows"] == 24 and math.isfinite(line["loss"]) for line in lines))

    def test_an_adapter_that_loads_and_serves(self):
        out = self.here / "adapter"
        self.good(self.meta_train("run", "--zo-learning-rate", 1e-4))
        told = self.good(self.adapt("--run", self.here / "run", "--shots", 8, "--start", "mean", "--out", out,
                                    "--json")).json()
        self.assertEqual({path.name for path in out.iterdir()}, {"adapter_config.json", "adapter_model.safetensors"})
        config = json.loads((out / "adapter_config.json").read_text())
        self.assertEqual(config["base_model_name_or_path"], str(self.here / "run"))  # its backbone is the run's
        # zofo score with this adapter over the run gives the loss that zofo adapt told.
        validation = [json.loads(line) for line in (self.new / "validation.jsonl").read_text().splitlines()]
        text = "".join(json.dumps({"prompt": f" {row['text']} :", "options": [" no", " yes"], "adapter": "new"}) + "\n"
                       for row in validation)
        answers = self.good(zofo("score", "--model", self.model, "--run", self.here / "run", "--adapter", f"new={out}",
                                 stdin=text)).lines()
        loss = 0.0
        for row, answer in zip(validation, answers):
            scores = answer["logprobs"]
            loss += math.log(sum(map(math.exp, scores))) - scores[row["label"]]
        self.assertAlmostEqual(loss / len(validation), told["loss"], delta=1e-4)

    def test_lines_of_many_adapters_share_a_pass(self):
        for name, seed in (("x", 1), ("y", 2)):
            self.good(self.adapt("--shots", 8, "--seed", seed, "--out", self.here / name, "--lora-rank", 2 * seed))
        given = ("--adapter", f"x={self.here / 'x'}", "--adapter", f"y={self.here / 'y'}")
        prompts = [" stone river superb :", " cloud awful paper :", " seven :"]

        def ask(lines):
            text = "".join(json.dumps(line) + "\n" for line in lines)
            return [line["logprobs"] for line in
                    self.good(zofo("score", "--model", self.model, *given, stdin=text)).lines()]

        lines = [{"prompt": prompt, "options": [" no", " yes"], **which} for prompt in prompts
                 for which in ({"adapter": "y"}, {}, {"adapter": "x"})]
        together = ask(lines)
        alone = [ask([line])[0] for line in lines]
        for a, b in zip(together, alone):
            for left, right in zip(a, b):
                self.assertAlmostEqual(left, right, delta=2e-5 * (1 + abs(left)))
        self.assertGreater(abs(together[0][1] - together[1][1]), 1e-3)  # an adapter makes a difference
        self.assertGreater(abs(together[0][1] - together[2][1]), 1e-3)  # and which one it is
        plain = [line["logprobs"] for line in self.good(self.score([(p, [" no", " yes"]) for p in prompts])).lines()]
        for a, b in zip(plain, together[1::3]):
            self.assertAlmostEqual(a[0], b[0], delta=2e-5 * (1 + abs(a[0])))

    def test_starts(self):
        self.good(self.meta_train("run"))
        run = ("--run", self.here / "run")
        lines = self.good(self.adapt(*run, "--shots", 2, "--start", "zero,mean,a", "--json")).lines()
        self.assertEqual([line["start"] for line in lines], ["zero", "mean", "a"])
        self.assertEqual(lines[1]["loss"], lines[2]["loss"])  # the mean of one is this one
        self.assertNotEqual(lines[0]["loss"], lines[1]["loss"])
        self.refused(self.adapt(*run, "--shots", 2, "--start", "b"), "--start b", "a")
        self.refused(self.adapt("--shots", 2, "--start", "mean"), "--start mean", "--run")
        self.refused(self.adapt(*run, "--shots", 2, "--start", "zero,mean", "--lora-rank", 4), "--start mean", "rank")
        self.good(self.meta_train("joint", "--method", "joint-lora"))
        self.refused(self.adapt("--run", self.here / "joint", "--shots", 2, "--start", "mean"), "joint-lora",
                     "no adapters")

    def test_in_context(self):
        line = self.good(self.adapt("--shots", 2, "--in-context", "--json")).json()
        self.assertEqual((line["start"], line["training_rows"]), ("in-context", 4))
        self.refused(self.adapt("--shots", 2, "--in-context", "--out", self.here / "o"), "--out", "in-context")

    def test_what_it_refuses(self):
        self.refused(self.adapt(), "--shots or --examples")
        self.refused(self.adapt("--shots", 500), "shots = 500", "class 0", "training examples")
        self.refused(self.adapt("--shots", 0), "shots = 0")
        self.refused(self.adapt("--examples", 61), "examples = 61", "60")
        self.refused(zofo("adapt", "--model", self.model, "--task", self.new, "--shots", 2, "--learning-rate", 11), "learning_rate = 11")
        self.refused(self.adapt("--shots", 2, "--num-seeds", 0), "num_seeds = 0")
        self.refused(self.adapt("--shots", 2, "--run", self.task), "meta.json", "not the folder of a meta-training")
        self.refused(self.adapt("--shots", "2,3", "--out", self.here / "o"), "--out")
        empty = self.make_task("empty", toml=TASK.replace('" yes"]', '" yes", " stone"]'))
        self.refused(self.adapt("--shots", 1, task=empty), "class 2 (' stone') has 0 training examples")
        self.refused(self.adapt("--shots", 1, task=f"{self.new},{self.new}"), "'new' is named twice")
        self.good(self.adapt("--shots", 1, "--out", self.here / "o"))
        self.refused(self.adapt("--shots", 1, "--out", self.here / "o"), "already exists")

    def test_a_run_of_another_backbone(self):
        self.good(self.meta_train("run"))
        other = self.here / "other.gguf"
        bytes_ = bytearray(self.model.read_bytes())
        bytes_[-4] ^= 1  # a bit of the last weight
        other.write_bytes(bytes_)
        self.refused(self.adapt("--run", self.here / "run", "--shots", 1, model=other), "another backbone")
        self.refused(zofo("score", "--model", other, "--run", self.here / "run"), "another backbone")

    def test_a_task_of_the_run_with_other_words(self):
        self.good(self.meta_train("run"))
        other = self.make_task("other", toml=TASK.replace('"tiny"', '"a"').replace(" yes", " river"))
        self.refused(self.adapt("--run", self.here / "run", "--shots", 1, task=other), "task 'a'", "answer choices",
                     " river")

    def test_score_refuses(self):
        self.good(self.adapt("--shots", 1, "--out", self.here / "o"))
        given = f"o={self.here / 'o'}"
        ask = json.dumps({"prompt": " stone", "options": [" no"], "adapter": "p"}) + "\n"
        self.answered(zofo("score", "--model", self.model, "--adapter", given, stdin=ask), 0, "stdin:1", "adapter 'p'", "o")
        self.answered(zofo("score", "--model", self.model, stdin=ask), 0, "adapter 'p'", "there are none")
        self.refused(zofo("score", "--model", self.model, "--adapter", given, "--adapter", given), "name already")
        self.refused(zofo("score", "--model", self.model, "--adapter", "o="), "NAME=FOLDER")
        self.refused(zofo("score", "--model", self.model, "--adapter", "o"), "o/adapter_config.json")
        self.refused(zofo("score", "--model", self.model, "--adapter", f"o={self.here}"), "adapter_config.json")
        ask = json.dumps({"prompt": " stone", "options": [" no"], "adapter": 3}) + "\n"
        self.answered(zofo("score", "--model", self.model, "--adapter", given, stdin=ask), 0, "field 'adapter'")


if __name__ == "__main__":
    program.main()
