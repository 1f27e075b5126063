"""zofo finetune --resume and zofo replay: a run that was killed ends as one that was not, and what is refused."""

import json
import random
import shutil
import time
import unittest

import program
from program import Case, Running, zofo

SINGLE = {**program.ENVIRONMENT, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
COMMON = ("--max-steps", 40, "--batch-size", 4, "--save-steps", 3, "--save-seconds", 0, "--curve-points", 4, "--seed", 7)
METHODS = {  # how the run is started, and how often it is killed
    "bilevel": (("--inner-steps", 2, "--gradient-accumulation-steps", 2, "--lr-scheduler-type", "cosine", "--warmup-steps", 5, "--max-grad-norm", 1,
                 "--zo-learning-rate", 1e-4), 10),
    "lora": (("--weight-decay", 0.01, "--lr-scheduler-type", "linear"), 10),
    "mezo-svrg": (("--zo-learning-rate", 1e-4, "--anchor-batches", 2), 10),
    "mezo-adam": (("--warmup-steps", 4), 10),
    "bilevel-prefix": (("--inner-steps", 2, "--early-stopping-patience", 2, "--eval-steps", 7, "--zo-learning-rate", 1e-4), 3),
    "mezo-prompt": (("--outer-optimizer", "momentum", "--variance-reduction", "storm"), 3),
    "lozo": (("--outer-optimizer", "rms-scalar", "--variance-reduction", "spider", "--direction-interval", 6), 3),
    "sparse": (("--zo-learning-rate", 1e-3, "--early-stopping-patience", 3, "--eval-steps", 4), 3),
}


def steps_in(run) -> int:
    try:
        return (run / "metrics.jsonl").read_bytes().count(b'"event":"step"')
    except FileNotFoundError:
        return 0


def what_it_came_to(run) -> dict:
    """All that a run leaves behind but times and memory."""
    (result,) = json.loads((run / "result.json").read_text())["methods"]
    for name in ("seconds", "scoring_seconds", "peak_mib"):
        result.pop(name)
    # An adapter of an updated backbone names the run as its base.
    adapter = {file.name: file.read_bytes().replace(str(run).encode(), b"RUN") for file in (run / "adapter").glob("*")}
    return {"metrics": program.untimed_metrics(run), "trajectory": (run / "trajectory.jsonl").read_bytes(), "result": result,
            "adapter": adapter, "served": (run / "served.json").read_text()}


class Runs(Case):
    def begin(self, run, method, *options):
        return ("finetune", "--model", self.model, "--task", self.task, "--out", run, "--method", method, *COMMON,
                *options)

    def resume(self, run, *options, **more):
        return zofo("finetune", "--resume", run, *options, env=SINGLE, **more)


class Killed(Runs):
    def kill_and_go_on(self, run, begin, steps, kills, chance):
        """Kills the run at random moments of its `steps`, `kills` in all, and lets it end then."""
        done = 0
        for at in sorted(chance.randrange(steps) for _ in range(kills)):
            started = (run / "state.bin").exists()
            if not started:  # killed before a state was saved
                shutil.rmtree(run, ignore_errors=True)
            if (run / "done").exists():
                break
            line = ("finetune", "--resume", run) if started else begin
            with Running(*line, env=SINGLE) as running:
                end = time.monotonic() + 30
                while running.process.poll() is None and steps_in(run) < at and time.monotonic() < end:
                    time.sleep(0.001)
                time.sleep(chance.random() * 0.02)
                done += running.process.poll() is None
        if not (run / "done").exists():
            self.good(self.resume(run))
        return done

    def test_a_killed_run_ends_as_one_that_was_not(self):
        chance = random.Random(20251125)
        killed = 0
        for method, (options, kills) in METHODS.items():
            with self.subTest(method):
                whole, cut = self.here / f"{method} whole", self.here / f"{method} cut"
                self.good(zofo(*self.begin(whole, method, *options), env=SINGLE))
                killed += self.kill_and_go_on(cut, self.begin(cut, method, *options), steps_in(whole), kills,
                                              chance)
                self.assertTrue((cut / "done").exists())
                wanted, got = what_it_came_to(whole), what_it_came_to(cut)
                for part, value in wanted.items():
                    self.assertEqual(got[part], value, part)
                self.good(zofo("replay", "--model", self.model, "--run", cut, env=SINGLE))
        self.assertGreater(killed, 25)  # of 52: the others came after the run's last step


class Refused(Runs):
    def setUp(self):
        super().setUp()
        self.run_folder = self.here / "run"
        self.good(zofo(*self.begin(self.run_folder, "bilevel", "--zo-learning-rate", 1e-4), env=SINGLE))

    def files(self) -> dict:
        return {str(path): path.read_bytes() for path in self.run_folder.rglob("*") if path.is_file()}

    def refuse(self, *parts, arguments=("--max-steps", 50)):
        """Resuming is refused with those parts in the message, and leaves the folder as it is."""
        before = self.files()
        self.refused(self.resume(self.run_folder, *arguments), *parts)
        self.assertEqual(self.files(), before)

    def test_what_must_not_change(self):
        for flag, value, was in (("--batch-size", 8, 4), ("--lower-learning-rate", 0.5, 0.0002), ("--seed", 8, 7), ("--method", "lora", "bilevel"),
                                 ("--lora-rank", 4, 8), ("--inner-steps", 9, 4),
                                 ("--gradient-accumulation-steps", 2, 1), ("--max-eval-samples", 3, 0), ("--early-stopping-patience", 2, 0)):
            with self.subTest(flag):
                self.refuse(flag[2:].replace("-", "_"), str(value), f"started with {was}",
                            arguments=("--max-steps", 50, flag, value))
        self.refuse('adapter = "prefix"', "bilevel-prefix", arguments=("--max-steps", 50, "--adapter", "prefix"))
        self.refuse("max_steps = 12", "taken 40", arguments=("--max-steps", 12))
        self.refuse("batch_size = 0", arguments=("--batch-size", 0))
        self.refuse("the run is finished", "40 steps", arguments=())
        self.refuse("--out", arguments=("--out", self.here / "other"))
        self.refuse("--config", arguments=("--config", self.run_folder / "options.toml"))
        options = self.run_folder / "options.toml"
        options.write_text(options.read_text().replace("penalty = 10.0", "penalty = 11.0"))
        self.refuse("penalty = 11", "started with 10")

    def test_another_model_or_other_rows(self):
        other = self.here / "other.gguf"
        weights = bytearray(self.model.read_bytes())
        weights[-2] ^= 1
        other.write_bytes(weights)
        self.refuse("model: fingerprint", arguments=("--max-steps", 50, "--model", other))
        rows = self.make_task("other rows", train=59)
        self.refuse("training rows: fingerprint", arguments=("--max-steps", 50, "--task", rows))
        rows = self.make_task("other validation", validation=23)
        self.refuse("validation rows: fingerprint", arguments=("--max-steps", 50, "--task", rows))
        words = self.make_task("other words", toml=program.TASK.replace(" yes", " no way"))
        self.refuse("rows: fingerprint", arguments=("--max-steps", 50, "--task", words))
        self.refuse("absent.gguf", arguments=("--max-steps", 50, "--model", self.here / "absent.gguf"))
        moved = self.here / "moved.gguf"
        shutil.copy(self.model, moved)  # the same model elsewhere is no other
        self.good(self.resume(self.run_folder, "--max-steps", 41, "--model", moved))

    def test_damaged_files(self):
        state, metrics, trajectory = (self.run_folder / name for name in ("state.bin", "metrics.jsonl", "trajectory.jsonl"))
        chance = random.Random(5)
        whole = state.read_bytes()
        for length in (0, 7, 23, *(chance.randrange(len(whole)) for _ in range(4)), len(whole) - 1):
            state.write_bytes(whole[:length])
            self.refuse(f"{state}: ")
        for _ in range(6):
            place = chance.randrange(len(whole))
            state.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1:])
            self.refuse(f"{state}: ")
        state.unlink()
        self.refuse(f"{state}: no saved state")
        state.write_bytes(whole)
        for path in (metrics, trajectory):
            text = path.read_bytes()
            path.write_bytes(text[:len(text) // 2])
            self.refuse(f"{path}: {len(text) // 2} bytes: the saved state needs the first")
            place = chance.randrange(len(text) // 2)
            path.write_bytes(text[:place] + bytes([text[place] ^ 1]) + text[place + 1:])
            self.refuse(f"{path}: its first")
            path.unlink()
            self.refuse(str(path))
            path.write_bytes(text)
        self.refused(self.resume(self.here / "none"), "none: no such run folder")
        self.good(self.resume(self.run_folder, "--max-steps", 42))  # nothing of all that touched the run

    def test_two_at_once(self):
        line = ("finetune", "--resume", self.run_folder, "--max-steps", 0, "--max-seconds", 100)
        with Running(*line, env=SINGLE) as running:
            running.wait_for(lambda: steps_in(self.run_folder) > 45)
            self.refused(self.resume(self.run_folder, "--max-steps", 1_000_000), "another process is writing it")


class Replay(Runs):
    def replay(self, run, *arguments, model=None):
        return zofo("replay", "--model", model or self.model, "--run", run, "--json", *arguments, env=SINGLE)

    def test_weights_are_those_that_the_run_recorded(self):
        for method, what in (("bilevel", "theta"), ("mezo-lora", "adapter"), ("fzoo", "theta"), ("lora", "theta")):
            with self.subTest(method):
                run = self.here / method
                self.good(zofo(*self.begin(run, method), env=SINGLE))
                said = self.good(self.replay(run)).json()
                (result,) = json.loads((run / "result.json").read_text())["methods"]
                self.assertEqual((said["what"], said["hash"], said["verified"]), (what, result[f"{what}_hash"], True))
                if method == "lora":
                    continue
                half = self.good(self.replay(run, "--to", 20)).json()
                self.assertEqual((half["steps"], half["verified"]), (20, False))
                self.assertNotEqual(half["hash"], said["hash"])
                self.refused(self.replay(run, "--to", 41), "trajectory: 40 steps", "41")

    def test_a_trajectory_or_a_model_that_is_not_the_run_s(self):
        run = self.here / "run"
        self.good(zofo(*self.begin(run, "mezo"), env=SINGLE))
        trajectory = run / "trajectory.jsonl"
        rows = program.rows(trajectory)
        rows[5]["coefficient"] *= 1 + 1e-6
        whole = trajectory.read_text()
        trajectory.write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.refused(self.replay(run), "has the hash", "the run recorded")
        lines = whole.splitlines(keepends=True)
        trajectory.write_text("".join(lines[:7] + lines[8:]))
        self.refused(self.replay(run), f"{trajectory}:8: at = 8: must be 7, a step is missing")
        trajectory.write_text(whole)
        other = self.here / "other.gguf"
        weights = bytearray(self.model.read_bytes())
        weights[-2] ^= 1
        other.write_bytes(weights)
        self.refused(self.replay(run, model=other), "other.gguf: fingerprint")


if __name__ == "__main__":
    program.main()
