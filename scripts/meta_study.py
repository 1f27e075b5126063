#!/usr/bin/env python3
"""Runs the study of meta-training (docs/results/study-meta.md): backbones, new tasks, samples of their examples.

    scripts/meta_study.py --zofo PROGRAM --model MODEL --data FOLDER --out FOLDER [--seconds N] [--jobs N] [--devices 0,1]
                        [--only NAME,...]

A unit is one backbone (a method, its settings, a seed): `zofo meta-train`, then `zofo adapt` on every new task. Units run
in the order of their importance for the study, `--jobs` at a time, and none starts after `--seconds`. Results are written
to FOLDER/results.jsonl, one JSON object per sample of the examples. A unit's results are written together when it is
complete, so that the same command resumes an interrupted study, and a unit that fails affects no other. With `--devices`
each process sees one free GPU. The settings are chosen first, on the training tasks only, and written to
FOLDER/settings.json; no example of a new task is read before. `--dry-run` prints the units. Standard library only.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

TRAINING = ["tweet_sentiment", "imdb", "mr", "emotion", "tweet_emotion", "tweet_irony"]
NEW = ["poem_sentiment", "financial_phrasebank", "emo", "cr", "trec"]
RANK = ["--lora-rank", "16", "--lora-alpha", "32"]
META = [*RANK, "--batch-size", "8", "--max-prompt-tokens", "96", "--max-eval-samples", "64", "--save-seconds", "0"]
ADAPT_RATES = [5e-4, 1e-3, 2e-3]
MEZO_RATES = [3e-6, 1e-5, 3e-5]
JOINT_RATES = [5e-4, 1e-3]

LOW_RANK = ["--direction", "low-rank", "--direction-rank", "2", "--num-directions", "16"]
UNSEEN = ["--backbone-examples", "unseen"]
RESET = ["--adapters", "reset", "--reset-interval", "20"]
# Other ways to update θ: name, options, and the control, which differs only in that θ is not updated.
REGIMES = [
    ("low-rank 1e-6", ["--zo-learning-rate", "1e-6", *LOW_RANK], "frozen"),
    ("low-rank 1e-5", ["--zo-learning-rate", "1e-5", *LOW_RANK], "frozen"),
    ("low-rank hold", ["--zo-learning-rate", "1e-6", "--direction", "low-rank", "--direction-rank", "1", "--direction-interval",
                       "50", "--num-directions", "16"], "frozen"),
    ("svrg", ["--zo-learning-rate", "1e-6", "--variance-reduction", "svrg", "--anchor-interval", "10", "--anchor-batches", "8"],
     "frozen"),
    ("max-step", ["--zo-learning-rate", "1e-5", "--max-step-norm", "0.05"], "frozen"),
    ("unseen", ["--zo-learning-rate", "1e-6", *UNSEEN], "frozen unseen"),
    ("unseen low-rank max-step", ["--zo-learning-rate", "1e-5", "--max-step-norm", "0.05", *UNSEEN, *LOW_RANK], "frozen unseen"),
    ("lambda 1", ["--zo-learning-rate", "1e-6", "--penalty", "1"], "frozen lambda 1"),
    ("lambda 100", ["--zo-learning-rate", "1e-6", "--penalty", "100"], "frozen lambda 100"),
    ("reset", ["--zo-learning-rate", "1e-6", *RESET], "frozen reset"),
]
# Sparse directions do not run on a GPU.
CPU_REGIMES = [
    ("random-sparse", ["--zo-learning-rate", "1e-6", "--direction", "random-sparse", "--direction-interval",
                       "0", "--mask-density", "0.01"], "frozen"),
    ("sparse", ["--zo-learning-rate", "1e-6", "--direction", "sparse", "--mask-density", "0.01"], "frozen"),
]
CONTROLS = {"frozen unseen": UNSEEN, "frozen lambda 1": ["--penalty", "1"], "frozen lambda 100": ["--penalty", "100"],
            "frozen reset": RESET}


class Failed(Exception):
    """The program failed; the message has its exit code and the end of its stderr."""


class Study:
    def __init__(self, arguments):
        self.a = arguments
        self.end = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
        self.folder = arguments.out
        self.lock = threading.Lock()
        self.program = str(arguments.zofo.resolve())
        self.gpus = queue.SimpleQueue()  # one slot per job: the GPU that its process sees
        for slot in range(arguments.jobs):
            self.gpus.put(arguments.devices[slot % len(arguments.devices)] if arguments.devices else None)

    # ---- the program ----
    def zofo(self, *arguments):
        """The JSON lines that the program prints."""
        line = [self.program, *map(str, arguments)]
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": str(self.a.threads)}
        gpu = self.gpus.get()
        try:
            if gpu is not None:
                environment["CUDA_VISIBLE_DEVICES"] = gpu
            done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
        finally:
            self.gpus.put(gpu)
        if done.returncode != 0:
            raise Failed(f"{' '.join(line)}: exit {done.returncode}: {done.stderr.strip()[-2000:]}")
        return [json.loads(text) for text in done.stdout.splitlines()]

    def common(self):
        return ["--model", self.a.model, "--data", self.a.data, "--device", self.a.device, "--json"]

    def train(self, run, options):
        """One meta-training; an incomplete earlier run is removed."""
        result = run / "result.json"
        if (run / "done").exists():
            return json.loads(result.read_text())
        if run.exists():
            aside = run.with_name(f"{run.name}-cut-{time.time_ns()}")
            run.rename(aside)
        return self.zofo("meta-train", *self.common(), "--tasks", ",".join(self.a.training), "--out", run, *META,
                         *options)[0]

    def adapt(self, run, tasks, options):
        of_run = ["--run", run] if run else []
        return self.zofo("adapt", *self.common(), "--task", ",".join(tasks), *RANK, *of_run, "--max-eval-samples",
                         self.a.rows, "--max-prompt-tokens", "96", *options)

    # ---- settings, chosen on the training tasks only ----
    def settings(self):
        path = self.folder / "settings.json"
        if path.exists():
            return json.loads(path.read_text())
        began = time.monotonic()
        jobs = {}
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            for rate in MEZO_RATES:
                jobs["mezo", rate] = pool.submit(self.train, self.folder / "settings" / f"mezo-{rate:g}",
                                                 self.method("joint-mezo", self.a.mezo_steps // 4, 90, rate=rate))
            for rate in JOINT_RATES:
                jobs["joint", rate] = pool.submit(self.train, self.folder / "settings" / f"joint-{rate:g}",
                                                  self.method("joint-lora", self.a.joint_steps, 90, rate=rate))
            for rate in ADAPT_RATES:
                jobs["adapt", rate] = pool.submit(self.adapt, None, self.a.training[-3:],
                                                  ["--examples", "5", "--shots", "16", "--num-seeds", "4", "--seed", "900",
                                                   "--learning-rate", rate, "--max-steps", self.a.adapt_steps])
        tried = []
        for (what, rate), job in jobs.items():
            lines = job.result()
            if what == "adapt":
                score = sum(line["balanced_accuracy"] for line in lines) / len(lines)
            else:
                score = -lines["loss"]
            tried.append({"what": what, "rate": rate, "score": score})
        best = {what: max((t for t in tried if t["what"] == what), key=lambda t: t["score"])["rate"]
                for what in ("mezo", "joint", "adapt")}
        made = {"mezo_rate": best["mezo"], "joint_rate": best["joint"], "adapt_rate": best["adapt"], "tried": tried,
                "seconds": round(time.monotonic() - began, 1)}
        path.write_text(json.dumps(made, indent=1) + "\n")
        return made

    @staticmethod
    def method(name, steps, seed, rate=None, extra=()):
        rates = []
        if rate is not None:
            rates = ["--lower-learning-rate" if name == "joint-lora" else "--zo-learning-rate", f"{rate:g}"]
        return ["--method", name, "--max-steps", str(steps), "--seed", str(seed), *rates, *extra]

    # ---- units ----
    def units(self, settings):
        """(name, seed, options of meta-train or None, option lists of adapt), the most important first. The name up
        to a colon is that of the backbone."""
        a = self.a
        counts = ["--examples", "5", "--shots", "16"]
        curve = ["--examples", "1", "--shots", "1,5"]
        zero, mean, both = ([*counts, "--start", s] for s in ("zero", "mean", "zero,mean"))
        steps, small, large = a.steps, "1e-7", "1e-6"
        bilevel = ["--inner-steps", "4"]

        def meta(method, seed, rate=None, extra=(), n=steps):
            return self.method(method, n, seed, rate, [*bilevel, *extra])

        yield "none", 0, None, [zero]
        for seed in range(a.seeds):
            yield "joint-lora", seed, self.method("joint-lora", a.joint_steps, seed, settings["joint_rate"]), [zero]
            yield "frozen", seed, meta("frozen", seed), [mean]
            yield "bilevel 1e-6", seed, meta("bilevel", seed, float(large)), [both]
            yield "drift 1e-6", seed, meta("random-sign", seed, float(large)), [both]
            yield "joint-mezo", seed, self.method("joint-mezo", a.mezo_steps, seed, settings["mezo_rate"]), [zero]
            yield "bilevel 1e-7", seed, meta("bilevel", seed, float(small)), [both]
        yield "in-context", 0, None, [["--examples", "5", "--in-context"]]
        needed = set()
        for name, extra, control in REGIMES + (CPU_REGIMES if a.device == "cpu" else []):
            for seed in range(a.regime_seeds):
                if control in CONTROLS and (control, seed) not in needed:
                    needed.add((control, seed))
                    yield control, seed, meta("frozen", seed, extra=CONTROLS[control]), [mean]
                yield name, seed, meta("bilevel", seed, extra=extra), [both]
        for name, options, start in (
                ("none", None, "zero"),
                ("joint-lora", self.method("joint-lora", a.joint_steps, 0, settings["joint_rate"]), "zero"),
                ("frozen", meta("frozen", 0), "mean")):
            yield f"{name}: curve", 0, options, [[*curve, "--start", start],
                                                 ["--shots", "64", "--start", start]]
        for part in (8, 4, 2):
            yield f"joint-lora /{part}", 0, self.method("joint-lora", max(1, a.joint_steps // part), 0,
                                                        settings["joint_rate"]), [zero]
            yield f"frozen /{part}", 0, meta("frozen", 0, n=max(1, steps // part)), [mean]
        yield "bilevel 1e-6 tied", 0, meta("bilevel", 0, 1e-6, ["--adapters", "shared"]), [both]
        yield "bilevel 1e-6 one task", 0, meta("bilevel", 0, 1e-6, ["--tasks-per-step", "1"], n=2 * steps), [both]
        yield "bilevel 1e-6 q 4", 0, meta("bilevel", 0, 1e-6, ["--num-directions", "4"]), [both]
        yield "bilevel 3e-6", 0, meta("bilevel", 0, 3e-6), [both]
        yield "drift 3e-6", 0, meta("random-sign", 0, 3e-6), [both]

    def done(self):
        path = self.folder / "results.jsonl"
        if not path.exists():
            return set()
        return {(row["unit"], row["meta_seed"]) for row in map(json.loads, path.read_text().splitlines())}

    def run_unit(self, unit, settings):
        name, seed, options, adapts = unit
        if time.monotonic() > self.end:
            return f"{name}, seed {seed}: not started"
        began = time.monotonic()
        # Units that adapt the same backbone with other options share its run.
        backbone = name.partition(":")[0].replace(" ", "_").replace("/", "by")
        run = self.folder / "runs" / f"{backbone}-{seed}" if options else None
        trained = {}
        if run:
            with self.lock_of(run):
                trained = self.train(run, options)
        rows = []
        for adapt in adapts:
            more = ["--num-seeds", self.a.draws, "--learning-rate", settings["adapt_rate"], "--max-steps", self.a.adapt_steps]
            # Two tasks have fewer than 64 examples of their rarest classes.
            tasks = [t for t in self.a.new if "64" not in adapt or t not in ("poem_sentiment", "trec")]
            rows += self.adapt(run, tasks, [*adapt, *more])
        seconds = time.monotonic() - began
        record = {"unit": name, "meta_seed": seed, "method": options[1] if options else name.partition(":")[0],
                  "meta_loss": trained.get("loss"), "meta_loss_before": trained.get("loss_before"),
                  "meta_seconds": trained.get("seconds", 0.0), "meta_steps": trained.get("steps", 0),
                  "moved": trained.get("moved", 0.0), "unit_seconds": round(seconds, 1)}
        control = {regime: control for regime, _, control in REGIMES + CPU_REGIMES}.get(name)
        if control:
            record["control"] = control
        self.write("".join(json.dumps({**record, **row}) + "\n" for row in rows))
        return f"{name}, seed {seed}: {len(rows)} rows in {seconds:.0f} s"

    def write(self, text):
        """Appends rows to the results: all of them, or none if the process is killed."""
        path, part = self.folder / "results.jsonl", self.folder / "results.jsonl.part"
        with self.lock:
            before = path.read_text(encoding="utf-8") if path.exists() else ""
            with open(part, "w", encoding="utf-8") as file:
                file.write(before + text)
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)

    locks = {}

    def lock_of(self, run):
        with self.lock:
            return self.locks.setdefault(run, threading.Lock())

    def run(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "runs").mkdir(exist_ok=True)
        (self.folder / "settings").mkdir(exist_ok=True)
        settings = self.settings()
        print(f"settings: {json.dumps(settings)}", flush=True)
        done = self.done()
        only = set(self.a.only.split(",")) if self.a.only else None
        units = [u for u in self.units(settings) if (u[0], u[1]) not in done and (only is None or u[0] in only)]
        failed = 0
        with concurrent.futures.ThreadPoolExecutor(self.a.jobs) as pool:
            for job in concurrent.futures.as_completed([pool.submit(self.run_unit, u, settings) for u in units]):
                try:
                    print(job.result(), flush=True)
                except Failed as error:
                    failed += 1
                    print(f"meta_study: {error}", file=sys.stderr, flush=True)
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("zofo", "data", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=0, help="start no unit after these seconds; 0: run all")
    parser.add_argument("--jobs", type=int, default=1, help="units at a time")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of one unit")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--devices", type=lambda s: s.split(","), help="GPUs to use, by CUDA's numbers; default: all visible ones")
    parser.add_argument("--regime-seeds", type=int, default=1, help="meta seeds of the other ways to update the backbone")
    parser.add_argument("--seeds", type=int, default=3, help="meta seeds of the main units")
    parser.add_argument("--draws", type=int, default=16, help="samples of the examples, the same for all units")
    parser.add_argument("--rows", type=int, default=500, help="test examples of a new task")
    parser.add_argument("--steps", type=int, default=200, help="outer steps of frozen, bilevel and drift")
    parser.add_argument("--joint-steps", type=int, default=200)
    parser.add_argument("--mezo-steps", type=int, default=3000)
    parser.add_argument("--adapt-steps", type=int, default=30)
    parser.add_argument("--training", type=lambda s: s.split(","), default=TRAINING)
    parser.add_argument("--new", type=lambda s: s.split(","), default=NEW)
    parser.add_argument("--only", help="units by name, separated by commas")
    parser.add_argument("--dry-run", action="store_true")
    arguments = parser.parse_args()
    if arguments.jobs < 1:
        parser.error(f"--jobs {arguments.jobs}: must be at least 1")
    if arguments.devices and not all(each.isdigit() for each in arguments.devices):
        parser.error(f"--devices {','.join(arguments.devices)}: must be numbers of GPUs, separated by commas")
    study = Study(arguments)
    if arguments.dry_run:
        for unit in study.units({"mezo_rate": 1e-5, "joint_rate": 1e-3, "adapt_rate": 1e-3}):
            print(*unit)
        return 0
    return study.run()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"meta_study: {failure}")
