"""zofo finetune: each method, what a run leaves behind, options from files and flags, what is shown meanwhile."""

import json
import subprocess
import tomllib
import unittest
from xml.etree import ElementTree

import program
from program import Case, files_of, run_files


def options_of(run) -> dict:
    return tomllib.loads((run / "options.toml").read_text())


class Methods(Case):
    def check_run(self, run, method, steps, moves):
        """A finished run's folder is complete and its files agree."""
        self.assertEqual(files_of(run), run_files(method))
        (result,) = json.loads((run / "result.json").read_text())["methods"]
        self.assertEqual((result["method"], result["steps"], result["interrupted"]), (method, steps, False))
        self.assertGreater(result["passes"], 0)
        events = program.rows(run / "metrics.jsonl")
        self.assertEqual([row["step"] for row in events if row["event"] == "step"], list(range(steps)))
        self.assertEqual(events[-1]["event"], "final")
        for name in ("accuracy", "macro_f1", "loss", "rows", "seconds"):
            self.assertEqual(events[-1][name], result[name])
        self.assertEqual(len(program.rows(run / "trajectory.jsonl")), moves)
        served = json.loads((run / "served.json").read_text())
        self.assertEqual((served["served"], served.get("adapter_hash", "")), (result["served"], result["adapter_hash"]))
        self.assertTrue(ElementTree.parse(run / "curve.svg").getroot().tag.endswith("svg"))
        return result

    def test_each_method(self):
        for method, moves in (("bilevel", 3), ("lora", 0), ("mezo", 3)):
            with self.subTest(method):
                run = self.here / method
                printed = self.good(self.finetune(run, "--method", method, "--json")).json()
                self.assertEqual(printed, self.check_run(run, method, 3, moves))
                self.assertIn(printed["served"], {"bilevel": ("upper", "lower"), "lora": ("lower",),
                                                  "mezo": ("backbone",)}[method])

    def test_the_options_of_the_algorithm(self):
        cases = {
            "forward_difference": ("--forward-difference", "--num-directions", 3),
            "law": ("--direction", "rademacher", "--zo-eps", 1e-2, "--inner-steps", 2, "--penalty", 3),
            "once": ("--no-upper-every-inner-step", "--lora-target-modules", "k,o,gate,up,down", "--lora-rank", 3),
            "rows": ("--max-train-samples", 12, "--max-eval-samples", 5, "--batch-size", 64, "--curve-points", 0),
        }
        for name, options in cases.items():
            with self.subTest(name):
                self.good(self.finetune(self.here / name, *options))
                self.check_run(self.here / name, "bilevel", 3, 9 if name == "forward_difference" else 3)

    def test_learning(self):
        for method, steps in (("lora", 150), ("bilevel", 60)):
            with self.subTest(method):
                options = ("--method", method, "--max-steps", steps, "--lower-learning-rate", 0.01, "--upper-learning-rate", 0.01)
                run = self.finetune(self.here / method, "--json", *options, task=program.tiny() / "tiny_task")
                result = self.good(run).json()
                self.assertEqual(result["rows"], 400)
                self.assertGreater(result["accuracy"], 0.95)

    def test_mezo_lowers_its_loss(self):
        options = ("--method", "mezo", "--max-steps", 400, "--zo-learning-rate", 1e-4, "--num-directions", 2)
        self.good(self.finetune(self.here / "run", *options))
        curve = [row for row in program.rows(self.here / "run" / "metrics.jsonl") if row["event"] == "curve"]
        self.assertLess(curve[-1]["loss"], curve[0]["loss"])

    def test_seconds_bound_a_run(self):
        result = self.good(self.finetune(self.here / "run", "--max-seconds", 0.3, "--json")).json()
        self.assertLess(result["seconds"], 2)
        self.assertGreater(result["steps"], 1)

    def test_the_seed_decides_everything(self):
        """The folder's own options repeat the run to the bit; another seed gives another run."""
        single = {**program.ENVIRONMENT, "OMP_NUM_THREADS": "1"}

        def steps_of(run, *arguments):
            self.good(self.finetune(run, *arguments, env=single))
            return program.untimed_metrics(run), (run / "trajectory.jsonl").read_bytes(), (run / "adapter" / "adapter_model.safetensors").read_bytes()

        first = steps_of(self.here / "first", "--seed", 5, "--max-steps", 3)
        self.assertEqual(first, steps_of(self.here / "again", "--config", self.here / "first" / "options.toml"))
        self.assertNotEqual(first, steps_of(self.here / "other", "--seed", 6, "--max-steps", 3))


class Config(Case):
    def config(self, text):
        path = self.here / "options file.toml"
        path.write_text(text)
        return path

    def test_flags_win_over_the_file_and_the_file_over_the_defaults(self):
        file = self.config('max_steps = 2\nbatch_size = 4\nlower_learning_rate = 0.5\nmethod = "lora"\nforward_difference = true\n'
                           "upper_every_inner_step = false\npenalty = 3\n")
        run = self.here / "run"
        flags = ("--batch-size", 6, "--no-forward-difference", "--upper-every-inner-step", "--seed", 9)
        self.good(self.finetune(run, "--config", file, *flags))
        wanted = {"max_steps": 2, "batch_size": 6, "lower_learning_rate": 0.5, "method": "lora", "forward_difference": False,
                  "upper_every_inner_step": True, "seed": 9, "penalty": 3.0, "zo_eps": 1e-3, "inner_steps": 4}
        used = options_of(run)
        self.assertEqual({name: used[name] for name in wanted}, wanted)

    def test_a_flag_wins_even_where_it_says_the_default(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--config", self.config("max_steps = 2\nbatch_size = 4\n"), "--batch-size", 8))
        self.assertEqual(options_of(run)["batch_size"], 8)

    def test_bad_files_are_refused_by_line_and_field(self):
        run = self.here / "run"
        for text, parts in (
            ("max_steps = 2\nlearning_rate = 1.0\n", (":2", "learning_rate")),
            ('max_steps = 2\n\nbatch_size = "many"\n', (":3", "batch_size")),
            ("max_steps = -2\n", (":1", "max_steps", "-2")),
            ("max_steps = 99999999999\n", (":1", "max_steps", "99999999999")),
            ("max_steps = 2\nbatch_size = \n", (":2",)),
            ("max_steps = 2\nforward_difference = 1\n", (":2", "forward_difference")),
            ("max_steps = 2\n[lora]\nrank = 3\n", (":2", "lora")),
        ):
            with self.subTest(text):
                self.refused(self.finetune(run, "--config", self.config(text)), "options file.toml", *parts)
        self.refused(self.finetune(run, "--config", self.config("max_steps = 2\nlower_learning_rate = nan\n")), "lower_learning_rate = nan")
        self.refused(self.finetune(run, "--config", self.here / "absent.toml"), "absent.toml")
        self.assertFalse(run.exists())


class Progress(Case):
    def test_plain_lines_elsewhere(self):
        shown = self.good(self.finetune(self.here / "run")).err
        self.assertNotIn("\r", shown)
        self.assertRegex(shown, r"(?m)^Bilevel-ZOFO  step 1  F\(p\) .* tokens/s  \d+:\d\d left$")

    def test_a_live_line_on_a_terminal(self):
        shown = program.shown_on_terminal(lambda terminal: self.good(
            self.finetune(self.here / "run", stderr=terminal, stdout=subprocess.DEVNULL)))
        self.assertEqual(shown.count(b"\r\x1b[KBilevel-ZOFO  step "), 3, shown)


if __name__ == "__main__":
    program.main()
