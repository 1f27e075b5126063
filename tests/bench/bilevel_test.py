"""The comparison from outside: python3 bilevel_test.py PATH_OF_zofo_bench_bilevel."""

import json
import math
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

PROGRAM = ""


def bench(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=280, check=False)


def numbers(value):
    """All numbers inside a JSON value; null stands for what was never reached."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [x for each in value for x in numbers(each)]
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else []


class Quadratic(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.json"
            done = bench("--fast", "--problem", "quadratic", "--seeds", 3, "--json", out)
            assert done.returncode == 0, done.stderr
            cls.result = json.loads(out.read_text())
        cls.methods = {m["name"]: m for m in cls.result["problems"][0]["methods"]}

    def test_bilevel_reaches_the_target_in_every_run(self):
        for name in ("bilevel", "bilevel_orthogonal", "bilevel_svrg"):
            self.assertEqual(self.methods[name]["reached"], 3, name)

    def test_the_exact_gradient_needs_the_fewest_evaluations(self):
        medians = {name: m["quartiles"][1] for name, m in self.methods.items() if m["quartiles"][1] is not None}
        self.assertEqual(min(medians, key=medians.get), "exact")

    def test_a_fixed_adapter_does_not_solve_the_bilevel_problem(self):
        self.assertEqual(self.methods["mezo"]["reached"], 0)
        self.assertEqual(self.methods["mezo"]["hits"], [None] * 3)

    def test_numbers_are_finite_and_curves_end_where_the_runs_end(self):
        self.assertTrue(all(math.isfinite(x) for x in numbers(self.result)))
        problem = self.result["problems"][0]
        grid = problem["evaluations"]
        self.assertEqual(grid, sorted(grid))
        self.assertEqual(grid[-1], problem["budget"])
        for name, method in self.methods.items():
            self.assertEqual(len(method["curve"]["median"]), len(grid), name)
            self.assertEqual(method["curve"]["median"][-1], method["final"][1], name)

    def test_the_same_seeds_give_the_same_numbers(self):
        again = bench("--fast", "--problem", "quadratic", "--seeds", 3, "--method", "bilevel,exact")
        self.assertEqual(again.returncode, 0, again.stderr)
        for method in json.loads(again.stdout)["problems"][0]["methods"]:
            self.assertEqual(method, self.methods[method["name"]])


class Options(unittest.TestCase):
    def refused(self, *arguments, says):
        done = bench(*arguments)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, "^zofo_bench_bilevel: error: ")
        self.assertIn(says, done.stderr)

    def test_bad_options(self):
        self.refused("--problem", "cubic", says="cubic")
        self.refused("--method", "guess", says="guess")
        self.refused("--seeds", "0", says="--seeds")
        self.refused("--seeds", "many", says="--seeds")
        self.refused("--quick", says="--quick")
        self.refused("--json", "/nowhere/out.json", "--fast", says="/nowhere/out.json")
        self.refused("--problem", "regularise_sst2", "--fast", "--data", "/nowhere", says="/nowhere/sst2/train.jsonl")

    def test_real_data_that_is_not_there_is_said_to_be_skipped(self):
        done = bench("--fast", "--problem", "hypercleaning_sst2")
        self.assertEqual(done.returncode, 0)
        self.assertIn("hypercleaning_sst2: skipped", done.stderr)
        self.assertEqual(json.loads(done.stdout)["skipped"], ["hypercleaning_sst2"])


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
