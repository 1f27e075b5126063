"""How long a run lasts: epochs, the default, what is said of it, and the time that scoring takes beside training."""

import json
import re
import unittest

import program
from program import TASK, Case, zofo

UNNAMED = TASK.replace('name = "tiny"\n', "")  # takes the folder's name


def result_of(run) -> dict:
    (result,) = json.loads((run / "result.json").read_text())["methods"]
    return result


class Epochs(Case):
    def train(self, out, *arguments):
        """zofo finetune without the steps that Case.finetune adds."""
        return zofo("finetune", "--model", self.model, "--task", self.task, "--out", out, "--curve-points", 0, *arguments)

    def test_without_a_budget_a_run_takes_three_epochs_and_says_so(self):
        run = self.here / "run"
        done = self.good(self.train(run, "--method", "lora"))
        # 60 examples in batches of 8: three epochs are 22.5 batches.
        self.assertIn("no budget is given: 3 epochs of 60 training examples, 23 steps", done.err)
        for flag in ("--epochs", "--max-steps", "--max-seconds", "--max-forward-passes"):
            self.assertIn(flag, done.err.splitlines()[0])
        self.assertEqual(result_of(run)["steps"], 23)
        self.assertIn("\nepochs = 3.0\n", (run / "options.toml").read_text())
        self.assertTrue((run / "done").exists())

    def test_a_budget_of_another_kind_has_no_epochs(self):
        done = self.good(self.finetune(self.here / "run", "--method", "lora"))
        self.assertNotIn("epoch", done.err)
        self.assertIn("\nepochs = 0.0\n", (self.here / "run/options.toml").read_text())

    def test_steps_of_each_kind_of_method(self):
        # 60 examples. bilevel sets 5 aside, F has 15 and G 40, read in 4 batches of 8 a step.
        for method, options, epochs, steps in (("mezo", (), 2, 15), ("mezo-lora", (), 0.5, 4), ("bilevel", (), 4, 5),
                                               ("bilevel", ("--no-upper-every-inner-step",), 4, 8),
                                               ("lora", ("--gradient-accumulation-steps", 2, "--batch-size", 10), 2, 6),
                                               ("lora", ("--max-steps", 2), 5, 2)):
            with self.subTest(method, options=options):
                run = self.here / f"{method}{len(options)}{epochs}"
                done = self.good(self.train(run, "--method", method, "--epochs", epochs, *options))
                self.assertEqual(result_of(run)["steps"], steps)
                self.assertIn(f"{epochs} epochs of", done.err)

    def test_epochs_of_several_tasks(self):
        tasks = [self.make_task("one", train=64, toml=UNNAMED), self.make_task("two", train=32, toml=UNNAMED)]
        for per_step, steps in ((0, 6), (1, 12)):  # 8 and 4 batches: 6 in the mean, 12 in all
            run = self.here / f"meta{per_step}"
            done = self.good(zofo("meta-train", "--model", self.model, "--tasks", ",".join(map(str, tasks)), "--out", run,
                                  "--method", "lora", "--tasks-per-step", per_step, "--epochs", 1))
            self.assertIn(f"1 epochs of 96 training examples, {steps} steps", done.err)
            self.assertIn(f"{steps} steps", done.out)

    def test_a_file_gives_epochs_and_a_schedule_ends_with_them(self):
        config = self.here / "options.toml"
        config.write_text('method = "mezo"\nepochs = 1\nlr_scheduler_type = "linear"\nzo_learning_rate = 1e-4\n')
        run = self.here / "run"
        self.good(self.train(run, "--config", config))
        self.assertEqual(result_of(run)["steps"], 8)
        self.assertIn("\ndecay_steps = 8\n", (run / "options.toml").read_text())
        self.good(zofo("replay", "--model", self.model, "--run", run))  # the rates follow from options.toml
        self.refused(self.train(self.here / "bad", "--max-seconds", 1, "--lr-scheduler-type", "linear"), "--epochs 3")

    def test_a_run_is_resumed_with_more_epochs(self):
        run, whole = self.here / "run", self.here / "whole"
        self.good(self.train(run, "--method", "lora", "--epochs", 1))
        self.refused(zofo("finetune", "--resume", run), "the run is finished, after 8 steps", "--epochs 2")
        self.good(zofo("finetune", "--resume", run, "--epochs", 2))
        self.good(self.train(whole, "--method", "lora", "--epochs", 2))
        self.assertEqual(result_of(run)["steps"], 15)
        self.assertEqual(result_of(run)["adapter_hash"], result_of(whole)["adapter_hash"])

    def test_bad_epochs(self):
        for bad in ("-1", "nan", "inf", "10000000", "many"):
            self.refused(self.train(self.here / "run", "--epochs", bad), "epochs", bad)
        self.refused(self.train(self.here / "run", "--max-seconds", "-1"), "max_seconds = -1")
        self.refused(self.train(self.here / "run", "--method", "mezo", "--epochs", 1000, "--inner-steps", 1000000), "epochs = 1000", "7500", "4294")
        self.assertFalse((self.here / "run").exists())


class Scoring(Case):
    def test_held_out_scores_are_lines_and_their_time_is_apart(self):
        run = self.here / "run"
        done = self.good(self.finetune(run, "--method", "lora", "--max-steps", 12, "--curve-points", 3))
        lines = re.findall(r"(?m)^LoRA: step (\d+): held-out accuracy (\S+), loss (\S+) on (\d+) examples, scored in \S+ s$",
                           done.err)
        scores = [row for row in program.rows(run / "metrics.jsonl") if row["event"] in ("curve", "final")]
        self.assertEqual([(row["step"], f"{row['accuracy']:.3f}", f"{row['loss']:.3f}", row["rows"]) for row in scores],
                         [(int(step), accuracy, loss, int(rows)) for step, accuracy, loss, rows in lines])
        self.assertEqual([row["step"] for row in scores], [0, 4, 8, 12, 12])
        self.assertRegex(done.err, r"LoRA  step 1 .* held-out accuracy \d\.\d{3} ")
        result = result_of(run)
        self.assertGreater(result["scoring_seconds"], 0)
        self.assertIn(f"12 steps, {result['seconds']:.1f} s of training, {result['scoring_seconds']:.1f} s of scoring", done.out)

    def test_a_meta_training_says_its_scores(self):
        tasks = [self.make_task("one", toml=UNNAMED), self.make_task("two", toml=UNNAMED)]
        run = self.here / "meta"
        done = self.good(zofo("meta-train", "--model", self.model, "--tasks", ",".join(map(str, tasks)), "--out", run,
                              "--method", "lora", "--max-steps", 2))
        self.assertEqual(len(re.findall(r"step [02]: held-out balanced accuracy \S+, loss \S+ on 48 examples", done.err)), 2)
        self.assertRegex(done.out, r"2 steps, \S+ s of training, \S+ s of scoring")


class Smoothing(Case):
    def test_a_radius_below_the_resolution_of_the_weights_warns(self):
        for method in ("mezo", "bilevel", "mezo-prompt"):
            with self.subTest(method):
                done = self.good(self.finetune(self.here / method, "--method", method, "--zo-eps", "1e-12"))
                (line,) = [line for line in done.err.splitlines() if "zo_eps = 1e-12" in line]
                (works,) = re.findall(r"--zo-eps (\S+) works", line)
                self.assertIn("fp32", line)
                again = self.good(self.finetune(self.here / f"{method}-again", "--method", method, "--zo-eps", works))
                self.assertNotIn("resolution", again.err)

    def test_methods_without_estimates_and_defaults_do_not(self):
        self.assertNotIn("zo_eps", self.good(self.finetune(self.here / "lora", "--method", "lora", "--zo-eps", "1e-12")).err)
        self.assertNotIn("zo_eps", self.good(self.finetune(self.here / "mezo", "--method", "mezo")).err)


if __name__ == "__main__":
    program.main()
