"""scripts/preset_search.py and scripts/preset_report.py: the search of the presets' rates on the tiny model, and its rule."""

import json
import math
import subprocess
import sys
import unittest
from pathlib import Path

import program
from program import Case

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import preset_report  # noqa: E402
import preset_search  # noqa: E402

SETTINGS = {"kind": "run", "steps": 10, "batch_size": 8, "max_prompt_tokens": 256, "seed": 0, "model": "m", "device": "cpu",
            "metric": "accuracy", "status": "done"}


def row(task, method, rate, loss, **more):
    return {**SETTINGS, "task": task, "method": method, "rate": rate, "after": {"loss": loss, "accuracy": 0.5}, **more}


def rows_of(losses: dict, rates=(1e-6, 1e-5, 1e-4)):
    """Rows of mezo: {task: losses at the rates}, infinite for a divergence, None for a failure; zero-shot is 1."""
    rows = [row(task, "zero-shot", None, 1.0) for task in losses]
    for task, each in losses.items():
        for rate, loss in zip(rates, each):
            if loss is None:
                rows.append({**row(task, "mezo", rate, 0.0), "status": "failed", "message": "a|b"})
            elif math.isinf(loss):
                rows.append({**row(task, "mezo", rate, 0.0), "status": "diverged"})
            else:
                rows.append(row(task, "mezo", rate, loss))
    return rows


def table_of(losses: dict, **more):
    rows = rows_of(losses, **more)
    zero = {task: 1.0 for task in losses}
    return preset_report.Table([each for each in rows if each["method"] == "mezo"], zero, "movies")


class Rule(unittest.TestCase):
    def test_the_lowest_mean_relative_loss_is_chosen(self):
        table = table_of({"a": (1.0, 0.5, 0.6), "b": (1.0, 0.9, 0.8)})
        self.assertEqual(table.choose(table.tasks), 1e-5)  # (1 + 1.125) / 2 against (1.2 + 1) / 2
        self.assertEqual(table.choose(["b"]), 1e-4)
        self.assertEqual([table.within("b", rate) for rate in table.rates], [0.0, 0.0, 1.0])
        self.assertAlmostEqual(table.to_zero_shot("a", 1e-4), 0.6)

    def test_of_equal_rates_the_smallest_is_chosen(self):
        table = table_of({"a": (0.5, 0.5, 0.6)})
        self.assertEqual(table.choose(table.tasks), 1e-6)

    def test_a_divergence_and_a_large_loss_count_as_the_limit(self):
        table = table_of({"a": (0.5, math.inf, 5.0)})
        self.assertEqual([table.relative("a", rate) for rate in table.rates], [1.0, 3.0, 3.0])
        self.assertEqual(table.within("a", 1e-5), 0.0)

    def test_all_rates_of_a_task_can_diverge(self):
        table = table_of({"a": (math.inf,) * 3, "b": (0.9, 0.5, 0.5)})
        self.assertEqual(table.choose(table.tasks), 1e-5)

    def test_an_incomplete_rate_is_not_open_to_choice_nor_an_incomplete_task(self):
        table = table_of({"a": (0.9, 0.5), "b": (0.9, 0.5), "c": (0.9, 0.8, 0.1), "d": (None, 0.5)})
        self.assertEqual(table.eligible, [1e-6, 1e-5])
        self.assertEqual(table.tasks, ["a", "b", "c"])

    def test_the_demos_task_has_no_part_in_the_choice(self):
        table = table_of({"a": (0.9, 0.5, 0.6), "movies": (0.1, 0.9, 0.9)})
        self.assertEqual(table.choose(table.tasks), 1e-5)

    def test_the_interval_is_repeatable_and_contains_the_mean(self):
        values = [1.0, 1.2, 1.1, 1.5, 1.0]
        low, high = preset_report.interval(values)
        self.assertEqual((low, high), preset_report.interval(values))
        self.assertTrue(1.0 <= low < 1.16 < high <= 1.5)
        self.assertEqual(preset_report.interval([2.0, 2.0]), (2.0, 2.0))

    def test_rows_with_different_settings_are_refused(self):
        rows = [row("a", "mezo", 1e-6, 0.5), row("a", "mezo", 1e-5, 0.5, steps=11)]
        with self.assertRaisesRegex(SystemExit, "mezo: rows with different settings"):
            preset_report.Table(rows, {"a": 1.0}, "movies")


class Page(unittest.TestCase):
    def test_it_has_the_choice_and_every_failure(self):
        rows = rows_of({"a": (1.0, 0.5, 0.6), "b": (1.0, 0.8, math.inf), "c": (None, 0.8, 0.9), "movies": (0.9, 0.55, 0.5)})
        page = preset_report.page(rows, preset_search.METHODS, "movies", "page.md")
        self.assertIn("| `mezo` | `zo_learning_rate` | 1e-06 | **1e-05** | 2 of 2 | 2 of 2 | 0 of 2 |", page)
        self.assertIn("| **1e-05** | 1.000 (1.000 to 1.000) | 0.650 (0.500 to 0.800) | 2 (2 to 2) | 0 | 0 |", page)
        self.assertIn("| b | 1.000 | 1.000 **0.800** diverged |", page)
        self.assertIn("| c | 1.000 | – **0.800** 0.900 |", page)
        self.assertIn("| `mezo` | 1.000 | 1e-05 | 0.550 | 0.0001 | 0.500 | 1.100 |", page)
        self.assertIn("| c | mezo | 1e-06 | failed | a/b |", page)
        self.assertIn("| b | mezo | 0.0001 | diverged | the loss is not finite |", page)
        self.assertIn("14 done, 1 diverged, 1 failed, 0 timeout", page)

    def test_of_a_repeated_run_the_last_row_counts(self):
        rows = [*rows_of({"a": (None, 0.5, 0.6)}), row("a", "mezo", 1e-6, 0.4)]
        self.assertIn("**1e-06** (smallest of the grid)", preset_report.page(rows, preset_search.METHODS, "movies", "page.md"))


class Search(Case):
    def setUp(self):
        super().setUp()
        self.data, self.rows, self.out = self.here / "data", self.here / "rows", self.here / "out"
        for task in (*preset_search.TASKS, preset_search.CHECK):
            (self.data / task).mkdir(parents=True)
            made = [{"sentence": f"stone {i} cloud", "text": f"river {i} north", "label": i % 2, "answers": ["x"]} for i in range(30)]
            if task == "trec":
                made = [{"text": f"river {i}", "label": ("ABBR", "HUM")[i % 2]} for i in range(2000)]
            (self.data / task / "train.jsonl").write_text("".join(json.dumps(each) + "\n" for each in made))
            (self.data / task / "validation.jsonl").mkdir()  # reading it would fail

    def search(self, *arguments, model=None, zofo=None):
        line = [sys.executable, SCRIPTS / "preset_search.py", "--zofo", zofo or program.PROGRAM, "--model", model or self.model,
                "--rows", self.rows, "--out", self.out, "--device", "cpu", "--tasks", "sst2,trec", "--methods", "mezo,lora",
                "--steps", "mezo=2;lora=2", "--max-prompt-tokens", 32, "--threads", 1, *arguments]
        return subprocess.run(list(map(str, line)), capture_output=True, text=True, check=False, env=program.ENVIRONMENT, timeout=250)

    def results(self):
        return [each for each in program.rows(self.out / "results.jsonl") if each["kind"] == "run"]

    def prepare(self):
        done = self.search("--prepare", self.data)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_examples_are_of_the_training_file_and_disjoint(self):
        self.prepare()
        for task, trained, measured in (("sst2", 20, 10), ("trec", 400, 128)):
            parts = [(self.rows / task / name).read_text().splitlines() for name in ("train.jsonl", "validation.jsonl")]
            self.assertEqual([len(set(part)) for part in parts], [trained, measured])
            self.assertFalse(set(parts[0]) & set(parts[1]))
            self.assertLessEqual(set(parts[0] + parts[1]), set((self.data / task / "train.jsonl").read_text().splitlines()))
        self.assertEqual(program.rows(self.rows / "record" / "validation.jsonl")[0]["entities"], ["x"])

    def test_it_runs_resumes_and_reports(self):
        self.prepare()
        rates = ("--rates", "mezo=1e-3,1e-2;lora=1e-3,1e-2")
        first = self.search(*rates, "--tasks", "sst2")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual({(each["task"], each["method"]) for each in self.results()},
                         {("sst2", "zero-shot"), ("sst2", "mezo"), ("sst2", "lora")})
        self.assertEqual({each["status"] for each in self.results()}, {"done"}, self.results())
        zero = next(each["after"]["loss"] for each in self.results() if each["method"] == "zero-shot")
        for each in self.results():
            if each["method"] != "zero-shot":
                self.assertAlmostEqual(each["before"]["loss"], zero, places=5)
                self.assertEqual((each["after"]["rows"], each["after"]["steps"]), (10, 2))
        file = self.out / "results.jsonl"
        before = file.read_bytes()
        file.write_bytes(before + b'{"kind": "run", "ta')  # of a search that was killed while it wrote
        second = self.search(*rates, "--jobs", 2)
        self.assertEqual(second.returncode, 0, second.stderr)
        self.assertTrue(file.read_bytes().startswith(before + b'{"kind": "search"'))
        self.assertEqual(len(self.results()), 10)
        self.assertIn("5 runs, 5 recorded before", second.stdout)
        page = self.here / "page.md"
        report = self.search("--report", page)
        self.assertEqual(report.returncode, 0, report.stderr)
        self.assertIn("10 done, 0 diverged, 0 failed, 0 timeout", page.read_text())
        self.assertIn("### lora", page.read_text())

    def test_failures_divergences_and_the_time_limit_are_recorded(self):
        self.prepare()
        stand_in = self.here / "zofo"
        stand_in.write_text("""#!/bin/sh
case "$*" in
  *"evaluate"*) echo '{"loss": 1.5, "accuracy": 0.5, "rows": 10}' ;;
  *"--method lora"*) exec sleep 20 ;;
  *"zo-learning-rate 0.1 "*) echo "step 2: the loss is nan: must be finite" >&2; exit 1 ;;
  *) echo "out of memory" >&2; exit 1 ;;
esac
""")
        stand_in.chmod(0o755)
        limits = ("--rates", "mezo=0.1,0.01;lora=1", "--jobs", 4, "--tasks", "sst2")
        done = self.search(*limits, "--run-seconds", 1, zofo=stand_in)
        self.assertEqual(done.returncode, 0, done.stderr)
        status = {(each["method"], each["rate"]): each["status"] for each in self.results()}
        self.assertEqual(status, {("zero-shot", None): "done", ("mezo", 0.1): "diverged", ("mezo", 0.01): "failed", ("lora", 1): "timeout"})
        count = len(self.results())
        self.search(*limits, zofo=stand_in)
        self.assertEqual(len(self.results()), count)  # nothing is repeated
        self.search(*limits, "--retry", "--seconds", 2, zofo=stand_in)
        more = self.results()[count:]  # the end of the search interrupts lora, which is not recorded
        self.assertEqual([(each["method"], each["status"]) for each in more], [("mezo", "failed")])

    def test_the_middle_rates_are_first(self):
        self.prepare()
        arguments = preset_search.argparse.Namespace(out=self.out, seconds=0, rows=self.rows, tasks=["sst2", "trec"],
                                                     methods=["mezo", "lora"], rates={})
        runs = preset_search.Search(arguments).runs()
        grids = {name: preset_search.METHODS[name].rates() for name in ("mezo", "lora")}
        self.assertEqual(len(runs), 2 + 2 * 2 * 5)
        self.assertEqual([run.method for run in runs[:2]], ["zero-shot"] * 2)
        self.assertEqual({run.rate for run in runs[2:6]}, {grids["mezo"][2], grids["lora"][2]})
        self.assertEqual({run.rate for run in runs[-4:]}, {grids["mezo"][4], grids["lora"][4]})

    def test_bad_arguments_are_refused(self):
        done = self.search("--methods", "mezo,nothing")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nothing: must be one of mezo, lora", done.stderr)
        self.assertIn("nowhere.gguf: no such file", self.search(model=self.here / "nowhere.gguf").stderr)


if __name__ == "__main__":
    program.main()
