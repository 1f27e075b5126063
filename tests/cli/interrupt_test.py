"""SIGINT during training: exit 130, everything so far kept and usable, no sign of a finished run."""

import json
import os
import signal
import time
import unittest
from xml.etree import ElementTree

import program
from program import Case, Running, files_of, run_files, zofo


def has_steps(run, count=3):
    """A condition: the run has taken `count` steps."""
    def check():
        try:
            return (run / "metrics.jsonl").read_text().count('"event":"step"') >= count
        except FileNotFoundError:
            return False
    return check


class Interrupt(Case):
    def running(self, run, *arguments):
        """finetune at work for much longer than the test."""
        place = ("--model", self.model, "--task", self.task)
        return Running("finetune", *place, "--max-seconds", 300, "--out", run, *arguments)

    def check_kept(self, run, method):
        self.assertEqual(files_of(run), run_files(method) - {"done"})
        (result,) = json.loads((run / "result.json").read_text())["methods"]
        self.assertEqual((result["method"], result["interrupted"]), (method, True))
        events = program.rows(run / "metrics.jsonl")  # each line is whole
        steps = [row["step"] for row in events if row["event"] == "step"]
        self.assertEqual(steps, list(range(result["steps"])))
        self.assertGreaterEqual(len(steps), 3)
        self.assertEqual(len(program.rows(run / "trajectory.jsonl")), 0 if method == "lora" else len(steps))
        ElementTree.parse(run / "curve.svg")
        self.good(self.evaluate("--run", run))  # θ and the adapter as they were

    def test_finetune(self):
        for method in ("bilevel", "lora", "mezo"):
            with self.subTest(method):
                run = self.here / method
                with self.running(run, "--method", method) as running:
                    running.wait_for(has_steps(run))
                    os.kill(running.process.pid, signal.SIGINT)
                    result = running.end()
                self.assertEqual(result.code, 130, result.err)
                self.assertIn("interrupted after step", result.err)
                self.assertIn(str(run), result.err)
                self.check_kept(run, method)

    def check_demo(self, interrupt):
        folder = self.here / "demo"
        with Running("demo", "--tiny", "--max-seconds", 300, "--out", folder) as running:
            running.wait_for(has_steps(folder / "lora"))
            interrupt(running.process.pid)
            began = time.monotonic()
            result = running.end()
        self.assertEqual(result.code, 130, result.err)
        self.assertLess(time.monotonic() - began, 15)
        self.check_kept(folder / "lora", "lora")
        self.assertFalse((folder / "done").exists())
        self.assertFalse((folder / "mezo").exists())
        methods = json.loads((folder / "result.json").read_text())["methods"]
        self.assertEqual([method["method"] for method in methods], ["zero_shot", "lora"])
        self.assertIn("LoRA", result.out)
        self.assertIn("lora", {row["method"] for row in program.rows(folder / "metrics.jsonl")})

    def test_demo_and_its_child_as_a_terminal_does(self):
        self.check_demo(lambda pid: os.killpg(pid, signal.SIGINT))

    def test_demo_alone(self):
        self.check_demo(lambda pid: os.kill(pid, signal.SIGINT))

    def test_a_killed_run_is_no_finished_one(self):
        run = self.here / "run"
        with self.running(run) as running:
            running.wait_for(has_steps(run))
        self.assertFalse((run / "done").exists())
        request = '{"prompt": " stone :", "options": [" no", " yes"]}\n'
        self.refused(zofo("score", "--model", self.model, "--run", run, stdin=request), "served.json")


if __name__ == "__main__":
    program.main()
