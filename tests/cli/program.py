"""What the end-to-end tests of the program `zofo` share: running it, a tiny model and task, what a refusal looks like.

Each test file is a program of its own: python3 NAME_test.py PATH_OF_ZOFO [unittest's arguments].
"""

import atexit
import functools
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from dataclasses import dataclass
from pathlib import Path

PROGRAM = ""  # main() sets it
# Threads that spin while they wait would make every tiny job wait on a busy machine.
ENVIRONMENT = {**os.environ, "OMP_WAIT_POLICY": "passive"}

TASK = """name = "tiny"
prompt = " {text} :"
options = [" no", " yes"]
label_field = "label"
[label_map]
0 = 0
1 = 1
"""


def run_files(method: str) -> set:
    """The names of what a complete run leaves behind."""
    files = {"run.json", "tasks", "options.toml", "metrics.jsonl", "trajectory.jsonl", "served.json", "result.json",
             "curve.svg", "state.bin", "done", "events"}
    return files if method == "mezo" else files | {"adapter"}  # MeZO selects only the backbone


def files_of(run: Path) -> set:
    """The names in a run folder; "events" for its event files, whose names have the time and the machine."""
    return {"events" if file.name.startswith("events.out.tfevents.") else file.name for file in run.iterdir()}


def event_files(run: Path) -> list:
    """The event files of a run, the newest last."""
    return sorted(run.glob("events.out.tfevents.*"))


@dataclass
class Result:
    """How the program ended. A negative code is the signal that killed it."""

    code: int
    out: str
    err: str

    def json(self) -> dict:
        return json.loads(self.out)

    def lines(self) -> list:
        return [json.loads(line) for line in self.out.splitlines()]


def zofo(*arguments, stdin="", timeout=60, **options) -> Result:
    """Runs `zofo ARGUMENTS` to its end. `stdin` is text or bytes; `options` go to subprocess.run."""
    given = stdin.encode() if isinstance(stdin, str) else stdin
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": ENVIRONMENT, **options}
    done = subprocess.run([PROGRAM, *map(str, arguments)], input=given, timeout=timeout, check=False, **options)
    text = [(stream or b"").decode(errors="replace") for stream in (done.stdout, done.stderr)]
    return Result(done.returncode, *text)


@functools.cache
def tiny() -> Path:
    """The folder of `zofo demo --tiny`, made once: it holds tiny.gguf and tiny_task."""
    folder = Path(tempfile.mkdtemp(prefix="zofo-cli-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = zofo("demo", "--tiny", "--max-seconds", 0.1, "--out", folder / "demo")
    if made.code != 0:
        sys.exit(f"zofo demo --tiny: exit {made.code}\n{made.out}{made.err}")
    return folder / "demo"


def shown_on_terminal(run) -> bytes:
    """What `run(stderr)` writes to a terminal, whose end `stderr` is."""
    ours, theirs = pty.openpty()
    try:
        run(theirs)
    finally:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:  # the other end is closed and everything read
            pass
        os.close(ours)
    return shown


def rows(path: Path) -> list:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def untimed_metrics(run: Path) -> list:
    """The lines of metrics.jsonl without what a clock or a machine decides."""
    return [{name: value for name, value in row.items() if name not in ("seconds", "step_seconds", "peak_mib")}
            for row in rows(run / "metrics.jsonl")]


def safetensors(path):
    """The tensors of an F32 file as {name: (shape, floats)}, read without any library."""
    data = path.read_bytes()
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", entry
            begin, end = (8 + length + at for at in entry["data_offsets"])
            tensors[name] = (entry["shape"], struct.unpack(f"<{(end - begin) // 4}f", data[begin:end]))
    return tensors


def write_safetensors(path, tensors):
    """Writes {name: (shape, floats)} as an F32 file."""
    header, data = {}, b""
    for name, (shape, values) in tensors.items():
        part = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


class Case(unittest.TestCase):
    """A test with a folder of its own (`here`), the tiny model and a small task."""

    @classmethod
    def setUpClass(cls):
        cls.model = tiny() / "tiny.gguf"

    def setUp(self):
        self.here = Path(tempfile.mkdtemp(prefix="zofo-cli-"))
        self.addCleanup(shutil.rmtree, self.here, ignore_errors=True)
        self.task = self.make_task("task")

    def make_task(self, name: str, train=60, validation=24, toml=TASK) -> Path:
        """A task folder with the first rows of the generated ones."""
        folder = self.here / name
        folder.mkdir()
        (folder / "task.toml").write_text(toml)
        for file, count in (("train.jsonl", train), ("validation.jsonl", validation)):
            lines = (tiny() / "tiny_task" / file).read_text().splitlines(keepends=True)
            (folder / file).write_text("".join(lines[:count]))
        return folder

    def finetune(self, out, *arguments, model=None, task=None, **options) -> Result:
        """Runs `zofo finetune`, in three steps unless told otherwise."""
        bound = () if {"--max-steps", "--max-seconds", "--config", "--epochs"} & set(arguments) else ("--max-steps", 3)
        return zofo("finetune", "--model", model or self.model, "--task", task or self.task, "--out", out, *bound,
                    *arguments, **options)

    def evaluate(self, *arguments, model=None, task=None, **options) -> Result:
        return zofo("evaluate", "--json", "--model", model or self.model, "--task", task or self.task, *arguments,
                    **options)

    def score(self, requests, *arguments, model=None) -> Result:
        """Scores a list of (prompt, options)."""
        text = "".join(json.dumps({"prompt": p, "options": o}) + "\n" for p, o in requests)
        return zofo("score", "--model", model or self.model, *arguments, stdin=text)

    def ids(self, text: str) -> list:
        """The token ids of a text without line ends."""
        return self.good(zofo("tokenize", "--model", self.model, stdin=text + "\n")).json()

    def good(self, result: Result) -> Result:
        self.assertEqual(result.code, 0, result.err)
        return result

    def answered(self, result: Result, line: int, *parts: str):
        """Exit code 1, and the answer `line` (from 0) is an error that has all `parts`."""
        self.assertEqual(result.code, 1, result.out + result.err)
        self.assertIn("answered by an error", result.err)
        message = result.lines()[line]["error"]
        for part in parts:
            self.assertIn(part, message)

    def refused(self, result: Result, *parts: str):
        """Exit code 2 and a message that has all `parts`."""
        self.assertEqual(result.code, 2, result.out + result.err)
        head, _, message = result.err.rpartition("zofo: error: ")
        self.assertTrue(head == "" or head.endswith("\n"), result.err)
        for part in parts:
            self.assertIn(part, message)


class Running:
    """The program at work in a process group of its own, killed with everything in it on exit."""

    def __init__(self, *arguments, env=None):
        self.process = subprocess.Popen([PROGRAM, *map(str, arguments)], env=env or ENVIRONMENT, start_new_session=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.communicate()

    def wait_for(self, condition, seconds=30):
        """Waits until condition() holds; fails if the program ends first."""
        end = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.process.stderr.read().decode()}")
            if time.monotonic() > end:
                raise AssertionError("waited in vain")
            time.sleep(0.01)

    def end(self, seconds=30) -> Result:
        out, err = self.process.communicate(timeout=seconds)
        return Result(self.process.returncode, out.decode(), err.decode())


def main():
    global PROGRAM
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PATH_OF_ZOFO [unittest's arguments]")
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(module="__main__", verbosity=2)
