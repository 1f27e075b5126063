"""zofo finetune --resume and zofo replay: a run that was killed ends as one that was not, and what is refused."""

import json
import random
import shutil
import time
import unittest

import program
from program import Case, Running, zofo

SINGLE = {**program.ENVIRONMENT, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
COMMON = ("--steps", 40, "--batch", 4, "--save-steps", 3, "--save-seconds", 0, "--curve-points", 4, "--seed", 7)
METHODS = {  # what the run is begun with, and how often it is killed
    "bilevel": (("--inner-steps", 2, "--accumulate", 2, "--schedule", "cosine", "--warmup-steps", 5, "--clip", 1,
                 "--theta-rate", 1e-4), 10),
    "lora": (("--weight-decay", 0.01, "--schedule", "linear"), 10),
    "mezo-svrg": (("--theta-rate", 1e-4, "--reduction-batches", 2), 10),
    "mezo-adam": (("--warmup-steps", 4), 10),
    "bilevel-prefix": (("--inner-steps", 2, "--patience", 2, "--evaluate-steps", 7, "--theta-rate", 1e-4), 3),
    "mezo-prompt": (("--outer", "momentum", "--reduction", "storm"), 3),
    "lozo": (("--outer", "scalar-adam", "--reduction", "spider", "--direction-hold", 6), 3),
    "sparse": (("--theta-rate", 1e-3, "--patience", 3, "--evaluate-steps", 4), 3),
}


def steps_in(run) -> int:
    try:
        return (run / "metrics.jsonl").read_bytes().count(b'"event":"step"')
    except FileNotFoundError:
        return 0


def what_it_came_to(run) -> dict:
    """All that a run leaves behind but times and memory."""
    metrics = [{name: value for name, value in row.items() if name != "seconds"}
               for row in program.rows(run / "metrics.jsonl")]
    (result,) = json.loads((run / "result.json").read_text())["methods"]
    for name in ("seconds", "peak_mib"):
        result.pop(name)
    adapter = {file.name: file.read_bytes() for file in (run / "adapter").glob("*")}
    return {"metrics": metrics, "trajectory": (run / "trajectory.jsonl").read_bytes(), "result": result,
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
            if not started:  # killed before there was anything to go on from
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


if __name__ == "__main__":
    program.main()
