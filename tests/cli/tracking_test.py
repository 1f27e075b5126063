"""Following a run: TensorBoard's event files, metrics.csv, --quiet, --log-every."""

import csv
import os
import random
import re
import signal
import struct
import subprocess
import sys
import unittest
from pathlib import Path

import program
from program import TASK, Case, Running, event_files, rows, zofo

GENERATOR = Path(__file__).resolve().parents[1] / "golden" / "generators" / "tensorboard_events.py"


def tensorboard_python() -> str:
    """A Python with the package tensorboard: this one, or that of $ZOFO_TEST_PYTHON; empty: none."""
    for python in (sys.executable, os.environ.get("ZOFO_TEST_PYTHON", "")):
        if python and subprocess.run([python, "-c", "import tensorboard"], capture_output=True, check=False).returncode == 0:
            return python
    return ""


def crc32c(data: bytes) -> int:
    """Bit by bit, from the polynomial's definition (the program has a table)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(data: bytes):
    """(number, value) of the fields of a Protocol Buffers message."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 0:
            value = varint()
        else:
            size = {1: 8, 5: 4}[kind] if kind != 2 else varint()
            value = data[at:at + size]
            at += size
        yield key >> 3, value


def events_of(path) -> list:
    """(step, tag, number) of an event file's scalars and (step, "start", status) of its sessions; checks all checksums."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        head, message = data[at:at + 8], data[at + 12:at + 12 + size]
        assert struct.unpack_from("<I", data, at + 8)[0] == masked(head), path
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked(message), path
        at += 16 + size
        event = dict(fields(message))
        step = event.get(2, 0)
        if 7 in event:
            found.append((step, "start", dict(fields(event[7]))[1]))
        for _, value in fields(event.get(5, b"")):
            scalar = dict(fields(value))
            found.append((step, scalar[1].decode(), struct.unpack("<f", scalar[2])[0]))
    return found


def scalars_of(run) -> dict:
    """tag -> [(step, number)] of all event files of a run."""
    found = {}
    for path in event_files(run):
        for step, tag, value in events_of(path):
            if tag != "start":
                found.setdefault(tag, []).append((step, value))
    return found


class TensorBoard(Case):
    def check(self, run):
        """The event files have the numbers of metrics.jsonl, each once."""
        found = scalars_of(run)
        lines = rows(run / "metrics.jsonl")
        steps = [line for line in lines if line["event"] == "step"]
        for tag, field in (("train/upper", "upper"), ("train/inner_s", "inner_s"), ("train/rho", "rho"), ("learning_rate/zo", "zo_learning_rate"),
                           ("learning_rate/lower", "lower_learning_rate"), ("learning_rate/upper", "upper_learning_rate"),
                           ("train/penalty", "penalty"), ("time/step_seconds", "step_seconds"), ("memory/peak_mib", "peak_mib")):
            wanted = [(line["step"] + 1, line[field]) for line in steps if line.get(field) is not None]
            self.assertEqual([step for step, _ in found.get(tag, [])], [step for step, _ in wanted], tag)
            for (_, got), (_, want) in zip(found.get(tag, []), wanted):
                self.assertAlmostEqual(got, want, delta=1e-6 * abs(want), msg=tag)
        for event, group in (("curve", "held_out"), ("final", "result"), ("decision", "validation")):
            for field in ("loss", "accuracy"):
                wanted = [(line["step"], line[field]) for line in lines if line["event"] == event]
                got = found.get(f"{group}/{field}", [])
                self.assertEqual([step for step, _ in got], [step for step, _ in wanted], f"{group}/{field}")
                for (_, one), (_, other) in zip(got, wanted):
                    self.assertAlmostEqual(one, other, delta=1e-6 * abs(other))
        return found

    def test_the_numbers_of_a_run(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--max-steps", 8, "--lr-scheduler-type", "linear", "--early-stopping-patience", 9, "--eval-steps", 4))
        found = self.check(run)
        self.assertEqual(len(event_files(run)), 1)
        # A linear schedule of 8 outer steps: θ's rate at step k is 1 − k/8 of the first; s has 4 updates a step.
        self.assertEqual([round(rate / 1e-6, 6) for _, rate in found["learning_rate/zo"]], [1 - k / 8 for k in range(8)])
        self.assertEqual([round(rate / 2e-4, 6) for _, rate in found["learning_rate/lower"]], [round(1 - (4 * k + 3) / 32, 6) for k in range(8)])
        self.assertEqual({value for _, value in found["train/penalty"]}, {10})
        self.assertEqual([step for step, _ in found["validation/loss"]], [4, 8])
        self.assertGreater(found["memory/peak_mib"][0][1], 1)

    def test_methods_have_their_numbers(self):
        for method, there, absent in (("lora", {"learning_rate/lower"}, {"learning_rate/zo", "learning_rate/upper", "train/penalty"}),
                                      ("mezo", {"learning_rate/zo", "train/rho"}, {"learning_rate/lower", "train/penalty"})):
            with self.subTest(method):
                self.good(self.finetune(self.here / method, "--method", method))
                found = self.check(self.here / method)
                self.assertLessEqual(there, set(found))
                self.assertFalse(absent & set(found))

    def test_killed_and_continued_without_a_step_twice(self):
        chance = random.Random(3)
        run = self.here / "run"
        begin = ("finetune", "--model", self.model, "--task", self.task, "--out", run, "--max-steps", 120, "--save-steps", 7, "--save-seconds", 0)
        metrics = run / "metrics.jsonl"
        steps = lambda: metrics.read_bytes().count(b'"event":"step"') if metrics.exists() else 0
        for at in (9, 30, 45, 46):
            resumed = (run / "state.bin").exists()
            with Running(*(("finetune", "--resume", run) if resumed else begin)) as running:
                running.wait_for(lambda at=at: steps() > at)
                if not resumed:  # later the program may not have cut yet what is appended below
                    for path in event_files(run):  # whole records, whenever the program is killed
                        events_of(path)
                running.process.kill()
                running.process.wait()
            with event_files(run)[-1].open("ab") as file:  # what a machine that went down may leave
                file.write(struct.pack("<Q", 1 << 40) + chance.randbytes(5))
        self.good(zofo("finetune", "--resume", run, timeout=200))
        found = self.check(run)
        self.assertEqual([step for step, _ in found["train/upper"]], list(range(1, 121)))
        starts = [(step, path.name) for path in event_files(run) for step, tag, _ in events_of(path) if tag == "start"]
        self.assertGreaterEqual(len(starts), 1)
        self.assertEqual([step % 7 for step, _ in starts], [1] * len(starts))  # a state is saved after 7 steps
        self.with_tensorboard(run)

    def test_a_finished_run_goes_on(self):
        run = self.here / "run"
        self.good(self.finetune(run))
        self.good(zofo("finetune", "--resume", run, "--max-steps", 5))
        self.check(run)
        self.assertEqual(len(event_files(run)), 2)
        # Files that were deleted stay away, and the run goes on.
        for path in event_files(run):
            path.unlink()
        self.good(zofo("finetune", "--resume", run, "--max-steps", 7))
        self.assertEqual([step for step, _ in scalars_of(run)["train/upper"]], [6, 7])

    def test_turned_off_and_on(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--no-tensorboard"))
        self.assertEqual(event_files(run), [])
        self.good(zofo("finetune", "--resume", run, "--max-steps", 5, "--tensorboard"))
        self.assertEqual([step for step, _ in scalars_of(run)["train/upper"]], [4, 5])
        self.good(zofo("finetune", "--resume", run, "--max-steps", 6, "--no-tensorboard"))
        self.good(zofo("finetune", "--resume", run, "--max-steps", 7, "--tensorboard"))
        self.assertEqual([step for step, _ in scalars_of(run)["train/upper"]], [4, 5, 7])

    def test_several_tasks(self):
        tasks = [self.make_task(name, toml=TASK.replace('"tiny"', f'"{name}"')) for name in "ab"]
        run = self.here / "run"
        self.good(zofo("meta-train", "--model", self.model, "--tasks", ",".join(map(str, tasks)), "--out", run, "--max-steps", 3, "--csv"))
        found = scalars_of(run)
        lines = rows(run / "metrics.jsonl")
        for name, at in (("a", 0), ("b", 1)):
            wanted = [(line["step"], line["losses"][at]) for line in lines if line["event"] in ("before", "after")]
            self.assertEqual([step for step, _ in found[f"result/loss/{name}"]], [step for step, _ in wanted])
            for (_, got), (_, want) in zip(found[f"result/loss/{name}"], wanted):
                self.assertAlmostEqual(got, want, delta=1e-6 * want)
        with (run / "metrics.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        self.assertEqual(len(table), len(lines))
        self.assertEqual(float(table[-1]["loss/b"]), lines[-1]["losses"][1])
        self.assertEqual(table[1]["tasks"], "0 1")
        self.with_tensorboard(run)

    def with_tensorboard(self, run):
        """TensorBoard reads the same, where its package is installed."""
        python = tensorboard_python()
        if python:
            done = subprocess.run([python, "-B", GENERATOR, "--check", run], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Csv(Case):
    def check(self, run):
        """The table has the lines of metrics.jsonl and all their numbers."""
        lines = rows(run / "metrics.jsonl")
        with (run / "metrics.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        self.assertEqual(len(table), len(lines))
        for line, row in zip(lines, table):
            self.assertNotIn(None, row)
            for name, value in line.items():
                if value is None:
                    self.assertEqual(row[name], "")
                elif isinstance(value, str):
                    self.assertEqual(row[name], value)
                else:
                    self.assertEqual(float(row[name]), value, name)
            self.assertEqual({name for name, value in row.items() if value}, {name for name, value in line.items() if value is not None})

    def test_a_table_of_the_metrics(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--csv", "--early-stopping-patience", 9, "--eval-steps", 2))
        self.check(run)
        self.good(zofo("finetune", "--resume", run, "--max-steps", 5))
        self.check(run)
        self.good(self.finetune(self.here / "without"))
        self.assertFalse((self.here / "without" / "metrics.csv").exists())
        self.good(zofo("finetune", "--resume", self.here / "without", "--max-steps", 5, "--csv"))
        self.check(self.here / "without")  # from the first step on


class Progress(Case):
    def test_quiet(self):
        loud = self.good(self.finetune(self.here / "loud"))
        quiet = self.good(self.finetune(self.here / "quiet", "--quiet"))
        self.assertEqual(quiet.err, "")
        times = re.compile(r"[0-9.]+ s of")
        self.assertEqual(times.sub("", quiet.out), times.sub("", loud.out))
        self.assertEqual(self.good(zofo("finetune", "--resume", self.here / "quiet", "--max-steps", 4, "--quiet")).err, "")
        # Errors, and how to go on after an interrupt, are always said.
        self.refused(self.finetune(self.here / "quiet", "--quiet"), "already exists")
        run = self.here / "interrupted"
        with Running("finetune", "--model", self.model, "--task", self.task, "--out", run, "--max-seconds", 60, "--quiet") as running:
            running.wait_for(lambda: (run / "metrics.jsonl").exists() and b'"step"' in (run / "metrics.jsonl").read_bytes())
            running.process.send_signal(signal.SIGINT)
            done = running.end()
        self.assertEqual(done.code, 130)
        self.assertRegex(done.err, r"\A[^\n]*interrupted after step \d+; to resume: [^\n]*\n\Z")

    def test_a_line_every_so_many_steps(self):
        done = self.good(self.finetune(self.here / "run", "--max-steps", 10, "--log-every", 3))
        self.assertEqual(re.findall(r"(?m)^Bilevel-ZOFO  step (\d+) ", done.err), ["3", "6", "9"])
        self.refused(self.finetune(self.here / "both", "--quiet", "--log-every", 3), "--quiet", "--log-every 3")
        self.refused(self.finetune(self.here / "bad", "--log-every", -3), "--log-every", "-3")

    def test_on_a_terminal(self):
        shown = program.shown_on_terminal(lambda terminal: self.good(
            self.finetune(self.here / "run", "--max-steps", 5, "--log-every", 2, stderr=terminal, stdout=subprocess.DEVNULL)))
        lines = [line.rpartition(b"\r\x1b[K")[2] for line in shown.split(b"\r\n")]  # what stays
        self.assertEqual([line.split()[2] for line in lines if line.startswith(b"Bilevel-ZOFO  step")], [b"2", b"4"], shown)
        self.assertEqual(shown.count(b"\r\x1b[KBilevel-ZOFO  step "), 5, shown)


if __name__ == "__main__":
    program.main()
