"""zofo evaluate: its figures, worked out here again from zofo score's answers."""

import json
import math
import unittest

import program
from program import Case, zofo

THREE = """prompt = "{text} is"
options = [" no", " yes", "maybe"]
label_field = "label"
[label_map]
0 = 2
1 = 1
"""


class Evaluate(Case):
    """The definitions are written out; only the log-probabilities are the program's."""

    def figures(self, prompts, options, labels, *arguments):
        """Accuracy, macro-F1 and loss by their definitions."""
        answers = self.good(self.score([(prompt, options) for prompt in prompts], *arguments)).lines()
        best = [answer["best"] for answer in answers]
        losses = []
        for answer, label in zip(answers, labels):
            values = answer["logprobs"]
            losses.append(math.log(sum(map(math.exp, values))) - values[label])
        scores = []
        for c in set(labels) | set(best):
            hits = sum(b == label == c for b, label in zip(best, labels))
            scores.append(2 * hits / (best.count(c) + labels.count(c)))
        return {"accuracy": sum(b == label for b, label in zip(best, labels)) / len(labels),
                "macro_f1": sum(scores) / len(scores), "loss": sum(losses) / len(losses)}

    def check(self, report, wanted, count):
        self.assertEqual(set(report), {"accuracy", "macro_f1", "loss", "split", "rows", "seconds", "peak_mib"})
        self.assertEqual(report["split"], "validation")
        self.assertEqual(report["rows"], count)
        self.assertGreater(report["peak_mib"], 1)
        for name, value in wanted.items():
            self.assertAlmostEqual(report[name], value, delta=1e-4, msg=name)

    def test_figures_are_those_of_the_scores(self):
        held_out = program.rows(self.task / "validation.jsonl")
        prompts, labels = [f" {row['text']} :" for row in held_out], [row["label"] for row in held_out]
        self.check(self.good(self.evaluate()).json(), self.figures(prompts, [" no", " yes"], labels), 24)
        some = self.good(self.evaluate("--max-eval-samples", 7)).json()
        self.check(some, self.figures(prompts[:7], [" no", " yes"], labels[:7]), 7)

    def test_options_of_different_lengths(self):
        task = self.make_task("three", toml=THREE)
        held_out = program.rows(task / "validation.jsonl")
        prompts = [f"{row['text']} is" for row in held_out]
        labels = [2 if row["label"] == 0 else 1 for row in held_out]
        wanted = self.figures(prompts, [" no", " yes", "maybe"], labels)
        self.check(self.good(self.evaluate(task=task)).json(), wanted, 24)

    def test_a_run_is_evaluated_as_it_ended(self):
        for method in ("bilevel", "lora", "mezo"):
            with self.subTest(method):
                run = self.here / method
                self.good(self.finetune(run, "--method", method, "--zo-learning-rate", 1e-4, "--num-directions", 2))
                (ended,) = json.loads((run / "result.json").read_text())["methods"]
                report = self.good(self.evaluate("--run", run)).json()
                for name in ("accuracy", "macro_f1", "loss", "rows"):
                    self.assertAlmostEqual(report[name], ended[name], delta=1e-6, msg=name)

    def test_rows_of_a_definition_and_a_data_folder(self):
        definitions = self.here / "definitions"
        (definitions / "small").mkdir(parents=True)
        (self.task / "task.toml").rename(definitions / "small" / "task.toml")
        data = self.here / "data"
        data.mkdir()
        self.task.rename(data / "small")
        report = self.good(self.evaluate("--tasks", definitions, "--data", data, task="small")).json()
        self.assertEqual(report["rows"], 24)

    def test_bad_options(self):
        self.refused(self.evaluate("--max-eval-samples", -1), "--max-eval-samples", "-1")
        self.refused(self.evaluate("--run", self.here / "none"), "none/served.json")

    def test_words_for_people(self):
        result = self.good(zofo("evaluate", "--model", self.model, "--task", self.task))
        for word in ("accuracy", "macro-F1", "loss"):
            self.assertIn(word, result.out)


if __name__ == "__main__":
    program.main()
