"""scripts/meta_study.py and scripts/meta_table.py: the study of meta-training on the tiny model, and its statistics."""

import argparse
import concurrent.futures
import contextlib
import io
import json
import random
import subprocess
import sys
import unittest
from pathlib import Path

import program
from program import TASK, Case

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))
import meta_study  # noqa: E402
import meta_table  # noqa: E402


def rows_of(unit, seeds, gain, rng):
    """Rows of a backbone whose balanced accuracy is that of its draw plus `gain` and a little noise of its own."""
    return [{"unit": unit, "meta_seed": seed, "start": "zero", "examples": 5, "task": task, "seed": draw, "accuracy": 0.5,
             "balanced_accuracy": 0.4 + 0.1 * (draw % 5) + gain + rng.gauss(0, 0.01)}
            for seed in seeds for task in ("x", "y") for draw in range(16)]


class Table(unittest.TestCase):
    def test_a_paired_gain_is_found_and_no_gain_is_not(self):
        rng = random.Random(3)
        rows = rows_of("none", [0], 0.0, rng) + rows_of("better", [0, 1, 2], 0.03, rng) + rows_of("same", [0, 1, 2], 0, rng)
        cells = meta_table.cells_of(rows)
        base = cells["none", "zero", "5"]
        # Draws differ by 0.14 (standard deviation), far more than the gain: only the pairing finds it.
        d, low, high, p = meta_table.bootstrap(cells["better", "zero", "5"], base, resamples=1000)
        self.assertTrue(0.025 < d < 0.035 and 0.02 < low < d < high < 0.04, (d, low, high))
        self.assertLess(p, 0.01)
        # The noise of the means is 0.01/√32 and 0.01/√96: 0.002; five of them, a false alarm in 6e-7. The seed is fixed.
        d, low, high, _ = meta_table.bootstrap(cells["same", "zero", "5"], base, resamples=1000)
        self.assertLess(abs(d), 0.01)
        self.assertTrue(low - 0.002 < 0 < high + 0.002, (low, high))

    def test_means_and_errors(self):
        rows = [{"unit": "u", "meta_seed": 0, "start": "zero", "shots": 2, "task": task, "seed": draw, "accuracy": 0,
                 "balanced_accuracy": value} for task, values in (("x", (0.1, 0.3)), ("y", (0.5, 0.9)))
                for draw, value in enumerate(values)]
        cell = meta_table.cells_of(rows)["u", "zero", "2 a class"]
        self.assertAlmostEqual(cell.mean("balanced_accuracy"), 0.45)
        self.assertAlmostEqual(cell.error("balanced_accuracy"), 0.15)  # draws: 0.3 and 0.6


    def test_regimes_are_held_against_their_controls(self):
        rng = random.Random(5)
        rows = []
        for unit, start, gain, more in (("none", "zero", 0.0, {}), ("frozen", "mean", 0.1, {}),
                                        ("frozen unseen", "mean", 0.05, {}),
                                        ("svrg", "mean", 0.1, {"control": "frozen"}),
                                        ("svrg", "zero", 0.02, {"control": "frozen"}),
                                        ("unseen", "mean", 0.09, {"control": "frozen unseen"})):
            for row in rows_of(unit, [0, 1] if unit == "frozen" else [0], gain, rng):
                # Frozen's other seed is better by far: a regime of one seed is not held against it.
                shift = 0.3 if row["meta_seed"] == 1 else 0.0
                rows.append({**row, "start": start, "moved": 0.25, "balanced_accuracy": row["balanced_accuracy"] + shift, **more})
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            meta_table.regime_table(rows, meta_table.cells_of(rows))
        lines = [[field.strip() for field in line.split("|")[1:-1]] for line in text.getvalue().splitlines()[3:]]
        gains = {(line[0], line[1], line[2]): float(line[5].split(" ")[0]) for line in lines}
        self.assertEqual(set(gains), {("svrg", "none", "zero"), ("svrg", "frozen", "mean"), ("unseen", "frozen unseen", "mean")})
        for key, gain in ((("svrg", "none", "zero"), 0.02), (("svrg", "frozen", "mean"), 0.0),
                          (("unseen", "frozen unseen", "mean"), 0.04)):
            # Means of 32 rows of noise 0.01 each side: 0.0025; four of them. The seed is fixed.
            self.assertAlmostEqual(gains[key], gain, delta=0.01)
        self.assertTrue(all(line[7] == "0.25" for line in lines), lines)


class Study(Case):
    def study(self, *arguments):
        return subprocess.run([sys.executable, SCRIPTS / "meta_study.py", *map(str, arguments)], capture_output=True, text=True,
                              check=False, env=program.ENVIRONMENT, timeout=250)

    def test_it_runs_and_goes_on(self):
        for name in ("a", "b", "new"):
            self.make_task(name, toml=TASK.replace('"tiny"', f'"{name}"'), train=80)
        out = self.here / "study"
        # Definitions lie beside their rows: tasks are named by their folders.
        tasks = [str(self.here / name) for name in ("a", "b", "new")]
        common = ["--zofo", program.PROGRAM, "--model", self.model, "--data", self.here, "--out", out, "--seeds", 1, "--draws",
                  2, "--steps", 2, "--joint-steps", 4, "--mezo-steps", 8, "--adapt-steps", 3, "--training",
                  ",".join(tasks[:2]), "--new", tasks[2], "--device", "cpu"]
        first = self.study(*common, "--only", "none,frozen,joint-lora")
        self.assertEqual(first.returncode, 0, first.stderr)
        rows = program.rows(out / "results.jsonl")
        self.assertEqual({row["unit"] for row in rows}, {"none", "frozen", "joint-lora"})
        self.assertEqual(len(rows), 3 * 2 * 2)  # of each, two numbers of examples and two draws
        settings = json.loads((out / "settings.json").read_text())
        self.assertEqual(len(settings["tried"]), 8)
        before = (out / "results.jsonl").read_bytes()
        second = self.study(*common, "--only", "none,drift 1e-6")
        self.assertEqual(second.returncode, 0, second.stderr)
        after = (out / "results.jsonl").read_bytes()
        self.assertTrue(after.startswith(before))  # nothing again, nothing lost
        more = program.rows(out / "results.jsonl")[len(rows):]
        self.assertEqual({(row["unit"], row["start"]) for row in more}, {("drift 1e-6", "zero"), ("drift 1e-6", "mean")})
        third = self.study(*common, "--jobs", 2, "--devices", "0,1", "--only", "unseen low-rank max-step,frozen unseen,sparse")
        self.assertEqual(third.returncode, 0, third.stderr)
        more = program.rows(out / "results.jsonl")[len(rows) + len(more):]
        self.assertEqual({row["unit"] for row in more}, {"unseen low-rank max-step", "frozen unseen", "sparse"})
        moved = {row["unit"]: row["moved"] for row in more}
        self.assertEqual(moved["frozen unseen"], 0)
        self.assertTrue(0 < moved["unseen low-rank max-step"] <= 2 * 0.05, moved)
        table = subprocess.run([sys.executable, SCRIPTS / "meta_table.py", out / "results.jsonl"], capture_output=True,
                               text=True, check=False)
        self.assertEqual(table.returncode, 0, table.stderr)
        table = table.stdout
        self.assertIn("| joint-lora | zero | 5 | 1 |", table)
        self.assertIn("joint LoRA ≥ +0.03", table)
        self.assertIn("| unseen low-rank max-step | frozen unseen | mean | 5 | 1 |", table)
        self.assertIn("| sparse | none | zero | 16 a class | 1 |", table)

    def test_a_process_sees_one_free_card(self):
        # A stand-in for the program says which card it saw.
        stand_in = self.here / "zofo"
        stand_in.write_text("#!/bin/sh\nsleep 0.3\necho \\\"$CUDA_VISIBLE_DEVICES\\\"\n")
        stand_in.chmod(0o755)
        study = meta_study.Study(argparse.Namespace(zofo=stand_in, seconds=0, out=self.here, jobs=3, threads=1,
                                                    devices=["0", "1"]))
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            seen = [job.result()[0] for job in [pool.submit(study.zofo) for _ in range(3)]]
        self.assertEqual(sorted(seen), ["0", "0", "1"])
        done = self.study("--zofo", stand_in, "--model", "m", "--data", self.here, "--out", self.here / "s", "--devices", "0,x")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--devices 0,x", done.stderr)

    def test_rows_are_written_together(self):
        study = meta_study.Study(argparse.Namespace(zofo=self.here / "zofo", seconds=0, out=self.here, jobs=1, threads=1,
                                                    devices=None))
        study.write('{"unit": "a", "meta_seed": 0}\n')
        (self.here / "results.jsonl.part").write_text('{"unit": "b", "me')  # of one that was killed while it wrote
        self.assertEqual(study.done(), {("a", 0)})
        study.write('{"unit": "c", "meta_seed": 1}\n')
        self.assertEqual(study.done(), {("a", 0), ("c", 1)})

    def test_a_failure_is_told(self):
        done = self.study("--zofo", program.PROGRAM, "--model", self.here / "nowhere.gguf", "--data", self.here, "--out",
                          self.here / "study", "--device", "cpu")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nowhere.gguf", done.stderr)


if __name__ == "__main__":
    program.main()
