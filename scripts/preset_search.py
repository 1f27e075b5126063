#!/usr/bin/env python3
"""Searches the learning rates of the methods' presets on training examples of the tasks, and writes a page of the results.

    scripts/preset_search.py --prepare DATA[,DATA...] --rows ROWS
    scripts/preset_search.py --model MODEL --rows ROWS --out OUT [--device cuda] [--jobs 8] [--seconds 540]
    scripts/preset_search.py --out OUT --report PAGE

The first command takes 400 + 128 examples of every DATA/TASK/train.jsonl, by a fixed seed: ROWS/TASK/train.jsonl to
train on, and ROWS/TASK/validation.jsonl to measure. It opens no other file of DATA, so test examples are never read.

The second trains each method on each task at each rate of its grid for a fixed number of steps, and appends the losses
before and after to OUT/results.jsonl, one JSON object per run, with its status: done, diverged, failed or timeout. The
same command resumes a search: runs in the file are not repeated, a run that the end of --seconds interrupts is. The
middle rates of all tasks and methods are run first, so that an interrupted search is as even as possible.

The third writes the page. Its rule: of each method the rate with the lowest mean over the tasks of
min(3, loss / best loss of the task over the grid); a divergence counts as 3. Standard library only.
"""

import argparse
import concurrent.futures
import datetime
import hashlib
import json
import math
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from typing import NamedTuple

import preset_report

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRAIN_ROWS, HELD_ROWS = 400, 128  # of a small task at most two thirds and one third of its examples
BATCH_SIZE = 8                    # the default; 150 steps are 3 epochs, the default budget
TASKS = ("ag_news", "boolq", "cb", "copa", "cr", "drop", "emo", "emotion", "financial_phrasebank", "imdb", "mr", "mrpc",
         "multirc", "poem_sentiment", "qnli", "qqp", "record", "rte", "squad", "sst2", "subj", "trec", "tweet_emotion",
         "tweet_irony", "tweet_sentiment", "wic", "winogrande", "wsc")
CHECK = "movies"  # the demo's task: measured, but no part of the choice
ZERO_SHOT = "zero-shot"


class Method(NamedTuple):
    """A method, and the grid of its rates: preset * 10^(i/2) for i = first ... first + 4."""

    name: str     # of --method
    options: str  # the options that have the rate
    preset: float  # before the search
    first: int
    steps: int

    def rates(self) -> list[float]:
        return [float(f"{self.preset * 10 ** ((self.first + i) / 2):.2g}") for i in range(5)]


METHODS = {
    "mezo": Method("mezo", "zo-learning-rate", 1e-6, 0, 600),
    "lora": Method("lora", "lower-learning-rate", 2e-3, -3, 150),
    "prefix": Method("prefix", "lower-learning-rate", 2e-3, -1, 150),
    "prompt": Method("prompt", "lower-learning-rate", 2e-3, -1, 150),
    "bilevel": Method("bilevel", "lower-learning-rate upper-learning-rate", 2e-3, -3, 40),  # T = 4: 160 adapter steps
    "bilevel-outer": Method("bilevel", "zo-learning-rate", 1e-6, -1, 40),
}
DEFAULT_METHODS = ("mezo", "lora", "prefix", "prompt")


class Run(NamedTuple):
    task: str
    method: str   # a key of METHODS, or ZERO_SHOT
    rate: float | None


# ---- the examples ----------------------------------------------------------------------------------------------------
def prepare(sources: list[pathlib.Path], rows: pathlib.Path) -> None:
    """Writes ROWS/TASK/{train,validation}.jsonl from the training files of the tasks."""
    for task in (*TASKS, CHECK):
        source = next((each / task / "train.jsonl" for each in sources if (each / task / "train.jsonl").exists()), None)
        if source is None:
            sys.exit(f"preset_search: {task}/train.jsonl: not found in {', '.join(map(str, sources))}")
        lines = [line for line in source.read_text(encoding="utf-8").split("\n") if line.strip()]
        random.Random(0).shuffle(lines)
        held = min(HELD_ROWS, len(lines) // 3)
        measured, trained = lines[:held], lines[held:held + TRAIN_ROWS]
        if task == "record":  # its training rows list no candidates: the loss is that of the answer
            measured = [json.dumps({**row, "entities": row["answers"]}) for row in map(json.loads, measured)]
        (rows / task).mkdir(parents=True, exist_ok=True)
        (rows / task / "train.jsonl").write_text("\n".join(trained) + "\n", encoding="utf-8")
        (rows / task / "validation.jsonl").write_text("\n".join(measured) + "\n", encoding="utf-8")
        print(f"{task}: {len(trained)} + {held} of {len(lines)} training examples")


def hash_of_rows(folder: pathlib.Path) -> str:
    parts = (folder / "train.jsonl").read_bytes() + b"\0" + (folder / "validation.jsonl").read_bytes()
    return hashlib.sha256(parts).hexdigest()[:12]


def metric_of(task: str) -> str:
    """The metric of the task's definition; macro-F1 for balanced accuracy, which a run's result does not have."""
    metric = tomllib.loads((ROOT / "tasks" / task / "task.toml").read_text(encoding="utf-8")).get("metric", "accuracy")
    return "macro_f1" if metric == "balanced_accuracy" else metric


# ---- the results -----------------------------------------------------------------------------------------------------
class Results:
    """OUT/results.jsonl. A line is appended by one write, so that a killed search leaves at most a part of one line,
    which the next search removes."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes() if path.exists() else b""
        if not text.endswith(b"\n") and text:
            with open(path, "r+b") as file:
                file.truncate(text.rfind(b"\n") + 1)

    def append(self, row: dict) -> None:
        line = (json.dumps(row, allow_nan=False) + "\n").encode()
        with self.lock, open(self.path, "ab", buffering=0) as file:
            file.write(line)
            os.fsync(file.fileno())


# ---- the runs --------------------------------------------------------------------------------------------------------
class Search:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.a = arguments
        self.end = time.monotonic() + arguments.seconds if arguments.seconds else math.inf
        self.results = Results(arguments.out / "results.jsonl")
        self.running: set[subprocess.Popen] = set()
        self.lock = threading.Lock()
        self.stopped = False
        self.data = {task: hash_of_rows(arguments.rows / task) for task in arguments.tasks}
        self.metrics = {task: metric_of(task) for task in arguments.tasks}

    def runs(self) -> list[Run]:
        """All runs, in order: zero-shot, then the middle rate of every task and method, then those further away."""
        runs = [Run(task, ZERO_SHOT, None) for task in self.a.tasks]
        grids = {method: self.a.rates.get(method) or METHODS[method].rates() for method in self.a.methods}
        for i in sorted(range(max(map(len, grids.values()))), key=lambda i: (abs(i - 2), i)):
            runs += [Run(task, method, grid[i]) for task in self.a.tasks for method, grid in grids.items() if i < len(grid)]
        return runs

    def settings(self, run: Run) -> dict:
        """What determines the result of a run; a row with the same settings is not measured again."""
        steps = 0 if run.method == ZERO_SHOT else self.a.steps.get(run.method, METHODS[run.method].steps)
        return {"kind": "run", "task": run.task, "method": run.method, "rate": run.rate, "steps": steps,
                "batch_size": BATCH_SIZE, "max_prompt_tokens": self.a.max_prompt_tokens, "seed": self.a.seed,
                "model": self.a.model.name, "data": self.data[run.task], "device": self.a.device}

    def command(self, run: Run, folder: pathlib.Path) -> list[str]:
        common = {"model": self.a.model, "task": run.task, "tasks": ROOT / "tasks", "data": self.a.rows,
                  "device": self.a.device, "max-prompt-tokens": self.a.max_prompt_tokens, "seed": self.a.seed}
        if run.method == ZERO_SHOT:
            return self.line("evaluate", common, ["--json"])
        method = METHODS[run.method]
        of_run = {"method": method.name, "max-steps": self.settings(run)["steps"], "batch-size": BATCH_SIZE, "out": folder,
                  "curve-points": 1, "curve-samples": 0, "save-seconds": 0}
        rates = {option: f"{run.rate:g}" for option in method.options.split()}
        return self.line("finetune", common | of_run | rates, ["--no-tensorboard", "--quiet"])

    def line(self, command: str, options: dict, flags: list[str]) -> list[str]:
        return [str(self.a.zofo), command, *(str(w) for name, value in options.items() for w in (f"--{name}", value)), *flags]

    def measure(self, run: Run) -> str:
        """Makes a run and records it; returns a line of progress."""
        settings, began = self.settings(run), time.monotonic()
        if self.stopped or began > self.end:
            return ""
        with tempfile.TemporaryDirectory(prefix="zofo-presets-") as scratch:
            folder = pathlib.Path(scratch) / "run"
            code, out, err, cut = self.execute(self.command(run, folder))
            if cut == "end":
                return ""
            row = settings | {"metric": self.metrics[run.task]} | (
                {"status": "timeout", "message": f"over {self.a.run_seconds:g} s"} if cut else self.read(run, code, out, err, folder))
        row["seconds"] = round(time.monotonic() - began, 2)
        self.results.append(row)
        losses = " -> ".join(f"{row[when]['loss']:.4f}" for when in ("before", "after")
                             if row.get(when, {}).get("loss") is not None)
        rate = "" if run.rate is None else f" {run.rate:g}"
        return f"{run.task} {run.method}{rate}: {row['status']} {losses} in {row['seconds']:.1f} s {row.get('message', '')[-200:]}"

    def execute(self, line: list[str]) -> tuple[int, str, str, str]:
        """Exit code, stdout, stderr, and what interrupted the process: "", "limit" or "end"."""
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(self.a.threads)}
        with self.lock:
            if self.stopped:
                return 1, "", "", "end"
            process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
            self.running.add(process)
        left = self.end - time.monotonic()
        try:
            out, err = process.communicate(timeout=min(self.a.run_seconds, max(left, 1.0)))
            return process.returncode, out, err, "end" if self.stopped and process.returncode != 0 else ""
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return 1, "", "", "end" if left < self.a.run_seconds else "limit"
        finally:
            with self.lock:
                self.running.discard(process)

    def read(self, run: Run, code: int, out: str, err: str, folder: pathlib.Path) -> dict:
        """Status and scores of a run that ended."""
        if code != 0:
            message = err.strip()[-500:]
            diverged = "finite" in message or "diverges" in message
            return {"status": "diverged" if diverged else "failed", "message": message or f"exit code {code}"}
        try:
            if run.method == ZERO_SHOT:
                before, after = {}, json.loads(out)
            else:
                lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
                before = next(json.loads(line) for line in lines if '"curve"' in line)
                after = json.loads((folder / "result.json").read_text(encoding="utf-8"))["methods"][0]
        except (OSError, ValueError, LookupError, StopIteration) as error:
            return {"status": "failed", "message": f"result not readable: {error!r}"}
        kept = ("loss", "rows", "steps", "accuracy", "balanced_accuracy", "macro_f1", "exact_match", "f1", "served", "passes")
        scores = {when: {name: each[name] for name in kept if each.get(name) is not None}
                  for when, each in (("before", before), ("after", after))}
        finite = isinstance(scores["after"].get("loss"), float) and math.isfinite(scores["after"]["loss"])
        return {"status": "done" if finite else "diverged", **scores}

    def stop(self) -> None:
        """Ends the processes of the search; their runs are not recorded."""
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.kill()

    def run(self) -> None:
        keys = list(self.settings(Run(self.a.tasks[0], ZERO_SHOT, None)))
        key = lambda row: tuple(row.get(name) for name in keys)  # noqa: E731
        retried = ("failed", "timeout") if self.a.retry else ()
        known = {key(row) for row in preset_report.read(self.results.path) if row.get("status") not in retried}
        todo = [run for run in self.runs() if key(self.settings(run)) not in known]
        self.results.append({"kind": "search", **machine(self.a), "runs": len(todo)})
        print(f"{len(todo)} runs, {len(self.runs()) - len(todo)} recorded before", flush=True)
        began, done = time.monotonic(), 0
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            try:
                for job in concurrent.futures.as_completed([pool.submit(self.measure, run) for run in todo]):
                    if not job.result():
                        continue
                    done += 1
                    seconds = time.monotonic() - began
                    print(f"[{done}/{len(todo)}, {seconds:.0f} s, about {seconds / done * (len(todo) - done):.0f} s left] {job.result()}",
                          flush=True)
            finally:
                self.stop()
                pool.shutdown(cancel_futures=True)
        print(f"{done} runs in {time.monotonic() - began:.0f} s, {len(todo) - done} left; {self.results.path}")


def first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        return (done.stdout.strip().splitlines() or [""])[0]
    except (OSError, subprocess.TimeoutExpired):
        return ""


def machine(arguments: argparse.Namespace) -> dict:
    """What the page prints of the machine."""
    gpu = first_line("nvidia-smi", "--query-gpu=name", "--format=csv,noheader") if arguments.device == "cuda" else ""
    return {"date": datetime.datetime.now(datetime.UTC).date().isoformat(), "gpu": gpu, "cores": os.cpu_count(), "jobs": arguments.jobs,
            "version": first_line(str(arguments.zofo), "--version"), "train_rows": TRAIN_ROWS, "held_rows": HELD_ROWS}


# ---- the command line ------------------------------------------------------------------------------------------------
def names(allowed):
    def parse(text: str) -> list[str]:
        unknown = [name for name in text.split(",") if name not in allowed]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]}: must be one of {', '.join(allowed)}")
        return text.split(",")
    return parse


def per_method(parse):
    """METHOD=VALUE[;METHOD=VALUE...] -> {method: parse(value)}."""
    def split(text: str) -> dict:
        pairs = dict(part.split("=", 1) for part in text.split(";"))
        return {name: parse(value) for name, value in pairs.items() if names(METHODS)(name)}
    return split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prepare", type=lambda s: [pathlib.Path(each) for each in s.split(",")], metavar="DATA[,DATA...]")
    parser.add_argument("--report", type=pathlib.Path, metavar="PAGE", help="write the page from OUT/results.jsonl")
    parser.add_argument("--rows", type=pathlib.Path, default=pathlib.Path("build/presets/rows"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/presets"))
    parser.add_argument("--zofo", type=pathlib.Path, default=pathlib.Path("build/release/bin/zofo"))
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--tasks", type=names((*TASKS, CHECK)), default=[*TASKS, CHECK])
    parser.add_argument("--methods", type=names(METHODS), default=list(DEFAULT_METHODS), help=", ".join(METHODS))
    parser.add_argument("--rates", type=per_method(lambda s: [float(rate) for rate in s.split(",")]), default={},
                        help="other grids, such as 'mezo=1e-6,1e-5;lora=1e-3'")
    parser.add_argument("--steps", type=per_method(int), default={}, help="other numbers of steps, such as 'mezo=300;lora=100'")
    parser.add_argument("--max-prompt-tokens", type=int, default=256, help="longer prompts keep their last tokens; 0: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--threads", type=int, default=max(1, (os.cpu_count() or 1) // 8), help="CPU threads of a run")
    parser.add_argument("--run-seconds", type=float, default=120, help="time limit of a run")
    parser.add_argument("--seconds", type=float, default=0, help="end the search after these seconds; 0: when it is complete")
    parser.add_argument("--retry", action="store_true", help="repeat runs that failed or were over the time limit")
    arguments = parser.parse_args()
    if arguments.prepare:
        prepare(arguments.prepare, arguments.rows)
    elif arguments.report:
        page = preset_report.page(preset_report.read(arguments.out / "results.jsonl"), METHODS, CHECK, str(arguments.report))
        arguments.report.write_text(page, encoding="utf-8")
    elif arguments.model is None or not arguments.model.exists():
        parser.error(f"--model {arguments.model}: no such file; --prepare and --report need none")
    else:
        search = Search(arguments)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        search.run()


if __name__ == "__main__":
    main()
