"""zofo compare: the table, what is left behind, going on after a kill, runs that fail, what is refused, the page."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest
from html.parser import HTMLParser
from pathlib import Path

import program
from program import Case, Running, zofo

SOURCE = Path(__file__).resolve().parents[2]
VOID = {"meta", "br", "hr", "link", "img", "input"}


def has_matplotlib(python: str) -> bool:
    """Whether that Python, if there is one, has matplotlib."""
    try:
        return subprocess.run([python, "-c", "import matplotlib"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


class Page(HTMLParser):
    """Collects what is wrong with a page: tags that do not close in order, names used twice, references to elsewhere."""

    def __init__(self, page: str):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.ids, self.used, self.text, self.tags = [], [], set(), set(), [], []
        self.feed(page)
        self.close()
        self.wrong += [f"<{tag}> is never closed" for tag in self.open]
        self.wrong += [f"#{name} is nowhere" for name in self.used - self.ids]

    def look_at(self, tag, attributes):
        self.tags.append(tag)
        if tag in ("script", "link", "iframe", "img", "image", "object", "base"):
            self.wrong.append(f"<{tag}>")
        for name, value in attributes:
            if name == "id":
                if value in self.ids:
                    self.wrong.append(f"id {value} twice")
                self.ids.add(value)
            if name in ("href", "xlink:href", "src", "action", "data"):
                if value.startswith("#"):
                    self.used.add(value[1:])
                else:
                    self.wrong.append(f"{name}={value}")
            if name.startswith("on"):
                self.wrong.append(f"{name}={value}")
            for inside in re.findall(r"url\(([^)]*)\)", value or ""):
                if inside.startswith("#"):
                    self.used.add(inside[1:])
                else:
                    self.wrong.append(f"url({inside})")

    def handle_starttag(self, tag, attrs):
        self.look_at(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.look_at(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes another")

    def handle_data(self, data):
        self.text.append(data)
        if self.open and self.open[-1] == "style" and re.search(r"@import|url\(", data):
            self.wrong.append("the style refers to elsewhere")


class Compare(Case):
    METHODS = ("--methods", "bilevel,lora", "--seeds", "0,1")
    # Bounded by steps, so that a busy machine changes nothing but the times.
    SHORT = ("--max-seconds", 300, "--set", "max_steps=4", "--set", "lower_learning_rate=0.01", "--threads", 1)

    def arguments(self, out, *more, task=None):
        return ("compare", "--model", self.model, "--tasks", task or self.task, "--device", "cpu", "--out", out, *more)

    def compare(self, out, *more, task=None, **options):
        return zofo(*self.arguments(out, *more, task=task), **options)

    @staticmethod
    def rows(folder) -> list:
        """The table's rows without what a clock or a machine decides."""
        rows = json.loads((folder / "compare.json").read_text())["rows"]
        timed = ("seconds", "seconds_to_95", "peak_mib")
        return [{name: value for name, value in row.items() if name not in timed} for row in rows]


class Runs(Compare):
    def test_two_methods_two_seeds(self):
        out = self.here / "out"
        done = self.good(self.compare(out, *self.METHODS, *self.SHORT, "--jobs", 2, "--max-eval-samples", 20))
        for word in ("task, 20 held-out examples", "zero-shot", "bilevel", "lora", "accuracy", "s to 95 %", "peak MiB", "±"):
            self.assertIn(word, done.out)
        results = {}
        for method in ("bilevel", "lora"):
            for seed in (0, 1):
                run = out / "task" / method / str(seed)
                self.assertTrue((run / "done").exists())
                report = json.loads((run / "result.json").read_text())
                self.assertEqual(report["seed"], seed)
                results[method, seed] = report["methods"][0]
        report = json.loads((out / "compare.json").read_text())
        rows = {row["label"]: row for row in report["rows"]}
        for method in ("bilevel", "lora"):
            pair = [results[method, seed] for seed in (0, 1)]
            for name in ("accuracy", "loss", "passes", "steps", "seconds"):
                first, second = (run[name] for run in pair)
                self.assertAlmostEqual(rows[method][name]["mean"], (first + second) / 2, places=12)
                self.assertAlmostEqual(rows[method][name]["error"], abs(first - second) / 2, places=12)
            self.assertEqual(rows[method]["peak_mib"], max(run["peak_mib"] for run in pair))
            self.assertEqual((rows[method]["runs"], rows[method]["held_out_rows"]), (2, 20))
            self.assertLessEqual(rows[method]["seconds_to_95"]["mean"], rows[method]["seconds"]["mean"])
        scored = self.good(self.evaluate("--max-eval-samples", 20)).json()
        self.assertAlmostEqual(rows["zero-shot"]["accuracy"]["mean"], scored["accuracy"])
        self.assertAlmostEqual(rows["zero-shot"]["loss"]["mean"], scored["loss"], places=5)
        for curve in report["curves"]:
            xs = [point[0] for point in curve["points"]]
            self.assertEqual(xs, sorted(set(xs)))
            self.assertGreaterEqual(len(xs), 2)

    def test_finished_runs_are_not_run_again(self):
        out = self.here / "out"
        arguments = ("--methods", "lora", "--seeds", "0,1", *self.SHORT)
        first = self.good(self.compare(out, *arguments))
        before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in (out / "task").rglob("*") if file.is_file()}
        second = self.good(self.compare(out, *arguments))
        self.assertEqual(first.out, second.out)
        self.assertEqual(before, {file: (file.stat().st_mtime_ns, file.read_bytes())
                                  for file in (out / "task").rglob("*") if file.is_file()})

    def test_killed_half_way_and_run_again(self):
        whole, cut = self.here / "whole", self.here / "cut"
        bound = ("--max-seconds", 300, "--set", "max_steps=40", "--set", "lower_learning_rate=0.01", "--threads", 1, "--jobs", 1)
        self.good(self.compare(whole, *self.METHODS, *bound))
        with Running(*self.arguments(cut, *self.METHODS, *bound)) as running:
            running.wait_for(lambda: (cut / "task" / "lora" / "0" / "done").exists())
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
            self.assertFalse((cut / "task" / "lora" / "1" / "done").exists())
            again = self.good(self.compare(cut, *self.METHODS, *bound))
        self.assertIn("of 4 runs are already finished", again.err)
        self.assertEqual(self.rows(whole), self.rows(cut))

    def test_an_interrupt_stops_the_runs(self):
        for sent in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(sent.name):
                out = self.here / sent.name
                with Running(*self.arguments(out, *self.METHODS, "--max-seconds", 300, "--jobs", 2)) as running:
                    running.wait_for(lambda out=out: (out / "task" / "lora" / "0" / "metrics.jsonl").exists()
                                     and (out / "task" / "bilevel" / "0" / "metrics.jsonl").exists())
                    running.process.send_signal(sent)
                    done = running.end()
                self.assertEqual(done.code, 130, done.err)
                self.assertIn("0 of 4 runs are finished; the same command resumes", done.err)
                self.assertFalse(list(out.rglob("done")))

    def test_one_process_at_a_time(self):
        out = self.here / "out"
        arguments = ("--methods", "lora", "--seeds", 0, "--max-seconds", 300)
        with Running(*self.arguments(out, *arguments)) as running:
            running.wait_for(lambda: (out / "task" / "lora" / "0" / "metrics.jsonl").exists())
            self.refused(self.compare(out, *arguments), str(out), "is using this folder")

    def test_a_run_that_fails_leaves_the_others(self):
        """The second task's rows are too few for the bilevel method alone, so its runs fail."""
        few = self.make_task("few", train=1)
        out = self.here / "out"
        tasks = f"{self.task},{few}"
        done = self.compare(out, *self.METHODS, *self.SHORT, task=tasks)
        self.refused(done, "2 of 10 runs failed", "few, bilevel, seed 0: exit code 2", "few, bilevel, seed 1", "training examples")
        self.assertRegex(done.out, r"(?m)^bilevel +0 .* 2 failed$")
        self.assertRegex(done.out, r"(?m)^lora +2 +\d")
        failed = [run for run in json.loads((out / "compare.json").read_text())["runs"] if "failure" in run]
        self.assertEqual([(run["task"], run["label"]) for run in failed], [("few", "bilevel")] * 2)

    def test_a_label_and_a_file(self):
        """The same method under two labels, by a file whose fields the command line overrides."""
        plan = self.here / "compare.toml"
        plan.write_text(f'model = "{self.model}"\ntasks = ["{self.task}"]\nmethods = ["fast=lora", "slow=lora"]\n'
                        'seeds = [3]\nmax_seconds = 200\ndevice = "cpu"\nthreads = 1\n[set]\nmax_steps = 4\n[set.fast]\nlower_learning_rate = 0.01\n'
                        "[set.slow]\nlower_learning_rate = 1e-6\n".replace("threads = 1\n", ""))
        out = self.here / "out"
        self.good(zofo("compare", "--config", plan, "--max-seconds", 300, "--out", out))
        saved = json.loads((out / "plan.json").read_text())
        self.assertEqual((saved["max_seconds"], saved["seeds"], saved["order"]), (300, [3], ["fast", "slow"]))
        losses = {row["label"]: row["loss"]["mean"] for row in self.rows(out)}
        self.assertLess(losses["fast"], losses["slow"])
        for text, parts in (("seeds = 3\n", (":1: seeds", "list")), ("colour = 3\n", (":1: colour",)), ("seeds = \n", (":1",)),
                            ("[set]\n[set.lora]\nbatch_size = [3]\n", (":3: lora.batch_size",))):
            plan.write_text(text)
            self.refused(zofo("compare", "--config", plan, "--out", self.here / "bad"), "compare.toml", *parts)


class Refused(Compare):
    def test_bad_input(self):
        out = self.here / "out"
        good = {"--methods": "lora", "--seeds": "0", "--max-seconds": "1"}

        def refused(change, *parts, task=None):
            arguments = [word for pair in {**good, **change}.items() if pair[1] is not None for word in pair]
            self.refused(self.compare(out, *arguments, task=task), *parts)
            self.assertFalse(out.exists())

        refused({"--methods": "lora,sgd"}, "sgd")
        refused({"--methods": "lora,lora"}, "methods", "twice")
        refused({"--methods": None}, "methods")
        refused({"--seeds": None}, "seeds: none given")
        refused({"--seeds": "0,zero"}, "seeds = zero")
        refused({"--seeds": "0,-1"}, "-1")
        refused({"--max-seconds": None}, "max_seconds", "max_forward_passes", "epochs", "positive", "--epochs 3")
        refused({"--epochs": "2"}, "max_seconds = 1", "epochs = 2", "positive")
        refused({"--max-seconds": None, "--epochs": "few"}, "epochs = few")
        refused({"--max-forward-passes": "100"}, "max_seconds", "max_forward_passes", "positive")
        refused({"--max-seconds": "nan"}, "max_seconds = nan")
        refused({"--jobs": "0"}, "jobs = 0")
        refused({"--jobs": "-1"}, "--jobs", "-1")
        refused({"--threads": "0"}, "threads = 0")
        refused({"--set": "mezo.batch_size=2"}, "mezo.batch_size")
        refused({"--set": "lora.colour=2"}, "lora.colour")
        refused({"--set": "lora.seed=2"}, "lora.seed")
        refused({"--set": "batch_size=0"}, "batch_size = 0")
        refused({}, "no_such_task", task="no_such_task")
        arguments = [word for pair in good.items() for word in pair]
        self.refused(zofo("compare", "--model", self.here / "absent.gguf", "--tasks", self.task, "--out", out, *arguments),
                     "absent.gguf", "no such file")
        self.refused(zofo("compare", "--model", self.model, "--out", out), "tasks")
        self.refused(zofo("compare", "--out", out), "--model")
        self.refused(zofo("compare", "--model", self.model), "--out")

    def test_another_plan_in_the_same_folder(self):
        out = self.here / "out"
        arguments = ("--methods", "lora", "--seeds", 0, *self.SHORT)
        self.good(self.compare(out, *arguments))
        before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
        self.refused(self.compare(out, *arguments, "--set", "lora.batch_size=4"), "methods.lora.options.batch_size", str(out))
        self.refused(self.compare(out, "--methods", "lora", "--seeds", 1, *self.SHORT), "seeds")
        self.refused(self.compare(out, *arguments, "--max-eval-samples", 5), "max_eval_samples = 5")
        copy = self.here / "other.gguf"
        copy.write_bytes(self.model.read_bytes())
        self.refused(zofo("compare", "--model", copy, "--tasks", self.task, "--device", "cpu", "--out", out, *arguments), "model = ",
                     "other.gguf")
        self.assertEqual(before, {file: file.read_bytes() for file in out.rglob("*") if file.is_file()})

    def test_a_folder_of_something_else(self):
        self.refused(self.compare(self.task, "--methods", "lora", "--seeds", 0, *self.SHORT), str(self.task), "not the folder of a comparison")
        (self.here / "damaged").mkdir()
        (self.here / "damaged" / "plan.json").write_text('{"model": ')
        self.refused(self.compare(self.here / "damaged", "--methods", "lora", "--seeds", 0, *self.SHORT), "plan.json", "JSON")


class Report(Compare):
    def test_without_matplotlib_the_table_is_there(self):
        out = self.here / "out"
        without = self.here / "python3"
        without.write_text("#!/bin/sh\nexit 3\n")
        without.chmod(0o755)
        for python in (without, self.here / "absent"):
            done = self.good(self.compare(out, "--methods", "lora", "--seeds", 0, *self.SHORT,
                                          env={**program.ENVIRONMENT, "ZOFO_PYTHON": str(python)}))
            self.assertIn("report.html was not written: no python3 with matplotlib", done.err)
            self.assertIn("lora", done.out)
            self.assertTrue((out / "compare.json").exists())
            self.assertFalse((out / "report.html").exists())

    def test_the_page(self):
        if not (has_matplotlib("python3") or has_matplotlib("/usr/bin/python3")):
            self.skipTest("no python3 with matplotlib")
        name = "a <b> & 'c\"$x$"
        self.make_task(name)
        out = self.here / "out"
        label = "<i>lora</i>".replace("/", "|")
        done = self.good(self.compare(out, "--methods", f"bilevel,{label}=lora", "--seeds", "0,1", *self.SHORT, task=self.here / name))
        self.assertIn("report.html", done.err)
        self.assertNotIn("not written", done.err)
        text = (out / "report.html").read_text()
        page = Page(text)
        self.assertEqual(page.wrong, [])
        self.assertEqual(page.tags.count("svg"), 7)  # four of curves, three of time and memory
        self.assertGreaterEqual(page.tags.count("table"), 3)
        shown = "".join(page.text)
        for part in (name, label, "Bilevel-ZOFO", "zero-shot", "lower_learning_rate", "training time (s)", "forward-equivalent passes", "±",
                     "seconds per step", "peak memory (MiB)", "accuracy of the selected model", "untrained", "zofo compare --model"):
            self.assertIn(part, shown)
        # The bars' numbers are the means of the runs.
        runs = [run for run in json.loads((out / "compare.json").read_text())["runs"] if run["label"] == "bilevel"]
        for mean in (sum(run["seconds"] / run["steps"] for run in runs) / 2, sum(run["peak_mib"] for run in runs) / 2):
            self.assertIn(f"{mean:.3g}" if mean < 1000 else f"{mean:,.0f}", shown)
        self.assertNotIn("<i>", text)
        self.assertNotRegex(re.sub(r'xmlns(:\w+)?="[^"]*"', "", text), r"https?://")

    def test_the_script_refuses_what_is_no_comparison(self):
        python = next((each for each in ("python3", "/usr/bin/python3") if has_matplotlib(each)), None)
        if python is None:
            self.skipTest("no python3 with matplotlib")
        for content in ("", "[]", '{"plan": {}}', '{"plan": 3}'):
            (self.here / "compare.json").write_text(content)
            done = subprocess.run([python, "-B", SOURCE / "scripts" / "compare_report.py", self.here], capture_output=True, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(b"compare.json", done.stderr)
            self.assertFalse((self.here / "report.html").exists())


if __name__ == "__main__":
    program.main()
