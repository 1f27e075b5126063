"""Kinds of tasks, templates, demonstrations and shots from the command line, and what refuses them."""

import json
import math
import statistics
import subprocess
import unittest

import program
from program import TASK, Case, zofo

TEMPLATES = TASK + """
[[templates]]
name = "other"
prompt = "{text} is it"
[[templates]]
name = "third"
prompt = "{text}?"
options = ["a", "b"]
"""
CANDIDATES = """kind = "candidates"
prompt = " {text} :"
candidates = ["stone", "river bed"]
continuation = " {candidate}"
label_field = "label"
score = "mean"
[label_map]
0 = 0
1 = 1
"""
GENERATE = """kind = "generate"
prompt = " {text} :"
continuation = " {answer}\\n"
answers_field = "text"
max_new_tokens = 3
"""


class Templates(Case):
    def test_all_templates_are_each_of_them(self):
        task = self.make_task("worded", toml=TEMPLATES)
        together = self.good(self.evaluate("--all-templates", task=task)).json()
        self.assertEqual([each["template"] for each in together["templates"]], ["default", "other", "third"])
        alone = [self.good(self.evaluate("--template", name, task=task)).json() for name in ("default", "other", "third")]
        for one, other in zip(alone, together["templates"]):
            self.assertAlmostEqual(one["loss"], other["loss"], delta=1e-5)
            self.assertEqual(one["accuracy"], other["accuracy"])
        self.assertNotEqual(alone[0]["loss"], alone[1]["loss"])
        figures = [one["accuracy"] for one in alone]
        self.assertEqual(together["metric"], "accuracy")
        self.assertAlmostEqual(together["mean"], statistics.mean(figures))
        self.assertAlmostEqual(together["deviation"], statistics.stdev(figures))
        self.assertEqual([together["lowest"], together["highest"]], [min(figures), max(figures)])
        words = self.good(zofo("evaluate", "--model", self.model, "--task", task, "--all-templates")).out
        self.assertIn("standard deviation", words)

    def test_a_run_is_trained_under_a_template(self):
        task = self.make_task("worded", toml=TEMPLATES)
        self.good(self.finetune(self.here / "run", "--template", "third", "--shots", 4, task=task))
        self.assertRegex((self.here / "run" / "options.toml").read_text(), r"template = .third.")
        self.refused(self.finetune(self.here / "no", "--template", "none", task=task), "'none'", "default, other, third")
        self.assertFalse((self.here / "no").exists())

    def test_bad_choices(self):
        self.refused(self.evaluate("--template", "x", "--all-templates"), "only one")
        self.refused(self.evaluate("--template", "x"), "template 'x'", "default")


class FewRows(Case):
    def test_demonstrations_change_the_prompt_and_follow_the_seed(self):
        plain, shown, again, other = (self.good(self.evaluate(*arguments)).json()["loss"] for arguments in (
            (), ("--demonstrations", 2), ("--demonstrations", 2), ("--demonstrations", 2, "--seed", 5)))
        self.assertEqual(shown, again)
        self.assertNotEqual(plain, shown)
        self.assertNotEqual(shown, other)
        self.refused(self.evaluate("--demonstrations", 60), "demonstrations = 60", "60, the number of training examples")

    def test_a_class_without_enough_rows(self):
        rows = [json.dumps({"text": "stone", "label": label}) for label in [0] * 20 + [1] * 2]
        (self.task / "train.jsonl").write_text("\n".join(rows))
        self.refused(self.finetune(self.here / "run", "--shots", 3), "shots = 3", "class 1 (' yes') has 2")
        self.assertFalse((self.here / "run").exists())
        self.good(self.finetune(self.here / "run", "--method", "lora", "--shots", 2))


class Kinds(Case):
    def test_candidates_are_scored_by_their_mean(self):
        task = self.make_task("candidates", toml=CANDIDATES)
        held_out = program.rows(task / "validation.jsonl")
        answers = self.good(self.score([(f" {row['text']} :", [" stone", " river bed"]) for row in held_out])).lines()
        right, loss = 0, 0.0
        for row, answer in zip(held_out, answers):
            means = [total / count for total, count in zip(answer["logprobs"], answer["tokens"])]
            right += means.index(max(means)) == row["label"]
            loss += math.log(sum(map(math.exp, means))) - means[row["label"]]
        report = self.good(self.evaluate(task=task)).json()
        self.assertAlmostEqual(report["accuracy"], right / len(held_out))
        self.assertAlmostEqual(report["loss"], loss / len(held_out), delta=1e-4)
        for method in ("bilevel", "mezo"):
            self.good(self.finetune(self.here / method, "--method", method, task=task))

    def test_macro_f1_is_that_of_classes(self):
        fixed = self.make_task("fixed", toml=CANDIDATES)  # the same two texts in every example: classes
        for task in (self.task, fixed):
            self.assertIn("macro_f1", self.good(self.evaluate(task=task)).json())
            self.assertIn("macro-F1", self.good(zofo("evaluate", "--model", self.model, "--task", task)).out)
            self.assertIn("macro-F1", self.good(self.finetune(self.here / f"of-{task.name}", task=task)).out)
        own = self.make_task("own", toml=CANDIDATES.replace('"stone"', '"{text}"'))  # texts of the example
        self.assertNotEqual((own / "task.toml").read_text(), CANDIDATES)
        report = self.good(self.evaluate(task=own)).json()
        self.assertEqual(set(report), {"accuracy", "loss", "split", "rows", "seconds", "peak_mib"})
        self.assertNotIn("F1", self.good(zofo("evaluate", "--model", self.model, "--task", own)).out)
        done = self.good(self.finetune(self.here / "run", "--method", "lora", task=own))
        self.assertIn("accuracy", done.out)
        self.assertNotIn("F1", done.out)
        result = json.loads((self.here / "run/result.json").read_text())["methods"][0]
        self.assertIsNone(result["macro_f1"])
        (own / "task.toml").write_text('metric = "macro_f1"\n' + (own / "task.toml").read_text())
        self.refused(self.evaluate(task=own), "task.toml", "macro_f1", "classes")

    def test_blanks_at_the_end_of_a_prompt_belong_to_the_choices(self):
        plain = self.good(self.evaluate()).json()
        (self.task / "task.toml").write_text(TASK.replace(" {text} :", " {text} : ").replace('" no", " yes"', '"no", "yes"'))
        moved = self.good(self.evaluate())
        for name in ("loss", "accuracy", "rows"):
            self.assertEqual(moved.json()[name], plain[name])
        self.assertNotIn("blank", moved.err)
        (self.task / "task.toml").write_text(TASK.replace(" {text} :", " {text} : "))
        twice = self.good(self.evaluate())
        self.assertIn("two follow each other", twice.err)
        self.assertNotEqual(twice.json()["loss"], plain["loss"])
        self.assertIn("two follow each other", self.good(self.finetune(self.here / "run")).err)

    def test_written_answers_have_their_own_figures(self):
        task = self.make_task("written", toml=GENERATE)
        report = self.good(self.evaluate("--rows", 3, task=task)).json()
        self.assertEqual(set(report), {"exact_match", "f1", "loss", "split", "rows", "seconds", "peak_mib"})
        self.assertTrue(0 <= report["exact_match"] <= report["f1"] <= 1)
        result = self.good(self.finetune(self.here / "run", "--json", "--method", "lora", task=task)).json()
        self.assertIsNone(result["accuracy"])
        self.assertGreater(result["loss"], 0)
        self.refused(self.evaluate("--calibrate", task=task), "--calibrate")

    def test_calibration_changes_the_figures(self):
        plain, calibrated = (self.good(self.evaluate(*a)).json()["loss"] for a in ((), ("--calibrate",)))
        self.assertNotEqual(plain, calibrated)
        (self.task / "task.toml").write_text(TASK.replace(" {text} :", "{text}"))
        self.refused(self.evaluate("--calibrate"), "validation.jsonl:1", "neutral")


class ScoreLines(Case):
    def test_many_lines_are_answered_as_each_alone(self):
        words = ("stone", "river", "cloud superb", "no yes")
        requests = [(f" {words[i % 4]} {'paper ' * (i % 7)}:", [" no", " yes", "abc"][: 1 + i % 3]) for i in range(150)]
        together = self.good(self.score(requests)).lines()
        self.assertEqual(len(together), len(requests))
        for i in range(0, 150, 29):
            (alone,) = self.good(self.score([requests[i]])).lines()
            for a, b in zip(alone["logprobs"], together[i]["logprobs"], strict=True):
                self.assertAlmostEqual(a, b, delta=2e-5 * (1 + abs(a)))

    def test_nobody_waits_for_lines_that_are_not_there(self):
        with subprocess.Popen([program.PROGRAM, "score", "--model", str(self.model)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, env=program.ENVIRONMENT) as process:
            for word in ("stone", "river"):
                line = json.dumps({"prompt": f" {word} :", "options": [" no", " yes"]}) + "\n"
                process.stdin.write(line.encode() + b'{"prompt": ')  # a line and the beginning of another
                process.stdin.flush()
                self.assertIn("logprobs", json.loads(process.stdout.readline()))
                process.stdin.write(b'" a", "options": [" no"]}\n')
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["best"], 0)
            process.stdin.close()
            self.assertEqual(process.wait(timeout=30), 0)


if __name__ == "__main__":
    program.main()
