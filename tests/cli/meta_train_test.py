"""zofo meta-train: one backbone over many tasks, into a run folder; what it refuses."""

import json
import tomllib
import unittest

import program
from program import TASK, Case, rows, zofo

FILES = {"state.bin", "options.toml", "meta.json", "metrics.jsonl", "trajectory.jsonl", "result.json", "curve.svg", "done", "adapters"}


class MetaTrain(Case):
    def setUp(self):
        super().setUp()
        self.tasks = [self.make_task("a", toml=TASK.replace('"tiny"', '"a"')),
                      self.make_task("b", train=40, toml=TASK.replace('"tiny"', '"b"').replace(" yes", " river"))]

    def meta_train(self, out, *arguments, tasks=None):
        bound = () if {"--steps", "--seconds"} & set(arguments) else ("--steps", 3)
        names = ",".join(map(str, self.tasks if tasks is None else tasks))
        return zofo("meta-train", "--model", self.model, "--tasks", names, "--out", self.here / out, *bound, *arguments)

    def test_a_run_folder(self):
        result = self.good(self.meta_train("run", "--json", "--theta-rate", 1e-4)).json()
        run = self.here / "run"
        self.assertEqual({path.name for path in run.iterdir()}, FILES)
        self.assertEqual(result, json.loads((run / "result.json").read_text()))
        self.assertEqual(result["steps"], 3)
        self.assertGreater(result["moved"], 0)
        self.assertEqual([task["name"] for task in result["tasks"]], ["a", "b"])
        steps = [line for line in rows(run / "metrics.jsonl") if line["event"] == "step"]
        self.assertEqual([line["tasks"] for line in steps], [[0, 1]] * 3)
        self.assertEqual(len(rows(run / "trajectory.jsonl")), 3)
        self.assertEqual({path.name for path in (run / "adapters").iterdir()}, {"a", "b"})
        self.assertEqual(tomllib.loads((run / "options.toml").read_text())["theta_rate"], 1e-4)
        self.assertLess((run / "trajectory.jsonl").stat().st_size, 1000)

    def test_the_same_seed_gives_the_same_run(self):
        for out in "xy":
            self.good(self.meta_train(out, "--seed", 4, "--tasks-per-step", 1, "--sampling", "tempered"))
        for file in ("trajectory.jsonl", "meta.json", "adapters/a/adapter_model.safetensors"):
            self.assertEqual((self.here / "x" / file).read_bytes(), (self.here / "y" / file).read_bytes())

    def test_every_method_runs(self):
        for method in ("bilevel", "frozen", "drift", "joint-lora", "joint-mezo", "none"):
            with self.subTest(method):
                self.good(self.meta_train(method, "--method", method))
                moves = rows(self.here / method / "trajectory.jsonl")
                self.assertEqual(len(moves) > 0, method in ("bilevel", "drift", "joint-mezo"))
                self.assertEqual((self.here / method / "merged").exists(), method == "joint-lora")

    def test_it_goes_on_where_it_stopped(self):
        self.good(self.meta_train("whole", "--steps", 6, "--theta-rate", 1e-4))
        self.good(self.meta_train("run", "--steps", 2, "--theta-rate", 1e-4))
        run = self.here / "run"
        self.good(zofo("meta-train", "--resume", run, "--steps", 6))
        for file in ("trajectory.jsonl", "adapters/a/adapter_model.safetensors", "meta.json"):
            self.assertEqual((run / file).read_bytes(), (self.here / "whole" / file).read_bytes())
        self.refused(zofo("meta-train", "--resume", run), "the run is finished", "6 steps")
        self.refused(zofo("meta-train", "--resume", run, "--steps", 8, "--batch", 4), "batch = 4")
        self.refused(zofo("meta-train", "--resume", run, "--out", self.here / "o"), "--out", "--resume")
        self.refused(zofo("meta-train", "--resume", self.here / "nowhere"), "nowhere")
        other = self.here / "other.gguf"
        bytes_ = bytearray(self.model.read_bytes())
        bytes_[-4] ^= 1  # a bit of the last weight
        other.write_bytes(bytes_)
        self.refused(zofo("meta-train", "--resume", run, "--steps", 8, "--model", other), "model", "begun with")
        words = self.make_task("words", toml=TASK.replace('"tiny"', '"a"').replace(" no", " cloud"))
        names = f"{words},{self.tasks[1]}"
        self.refused(zofo("meta-train", "--resume", run, "--steps", 8, "--tasks", names), "task a", "begun with")

    def test_ways_to_move_the_backbone(self):
        ways = {"low-rank": ("--direction", "low-rank", "--queries", 4),
                "sparse": ("--direction", "random-sparse", "--density", 0.1),
                "svrg": ("--reduction", "svrg", "--reduction-period", 2),
                "unseen": ("--theta-rows", "unseen", "--max-step", 0.01),
                "adam": ("--outer", "adam")}
        lines = "".join(json.dumps({"prompt": f" {word} :", "options": [" no", " yes"], "adapter": "a"}) + "\n"
                        for word in ("stone", "green"))
        for name, way in ways.items():
            with self.subTest(name):
                told = self.good(self.meta_train(name, "--theta-rate", 1e-4, "--json", *way)).json()
                self.assertGreater(told["moved"], 0)
                run = self.here / name
                # The run's own score of the task is that of the backbone put together again.
                adapted = self.good(zofo("adapt", "--model", self.model, "--run", run, "--task", self.tasks[0], "--shots", 2,
                                         "--steps", 1, "--rate", 0, "--start", "a", "--json")).json()
                self.assertAlmostEqual(adapted["loss"], told["tasks"][0]["loss"], delta=1e-5)
                self.good(zofo("score", "--model", self.model, "--run", run, stdin=lines))
                self.good(self.meta_train(name + "-whole", "--steps", 5, "--theta-rate", 1e-4, *way))
                self.good(zofo("meta-train", "--resume", run, "--steps", 5))
                whole = self.here / f"{name}-whole"
                self.assertEqual((run / "trajectory.jsonl").read_bytes(), (whole / "trajectory.jsonl").read_bytes())
        self.assertLessEqual(json.loads((self.here / "unseen" / "result.json").read_text())["moved"], 5 * 0.01)
        described = self.here / "svrg" / "meta.json"
        old = json.loads(described.read_text())
        del old["theta"]
        described.write_text(json.dumps(old))
        self.refused(zofo("score", "--model", self.model, "--run", self.here / "svrg", stdin=lines), "meta.json",
                     "'theta' is missing")

    def test_what_it_refuses(self):
        self.refused(self.meta_train("r", "--max-step", 0.1, "--outer", "scalar-adam"), "max_step = 0.1", "scalar-adam")
        self.refused(self.meta_train("r", "--theta-rows", "unseen", "--method", "joint-lora"), "theta_rows", "joint-lora")
        self.refused(self.meta_train("r", "--reduction", "svrg", "--in-memory", 1), "in_memory = 1", "svrg")
        self.refused(self.meta_train("r", tasks=[self.tasks[0]] * 2), "'a' is named twice")
        self.refused(self.meta_train("r", tasks=["no_such_task"]), "no_such_task")
        self.refused(self.meta_train("r", "--method", "mixed"), "method", "joint-mezo")
        self.refused(self.meta_train("r", "--tasks-per-step", 3), "tasks_per_step = 3", "2 tasks")
        self.refused(self.meta_train("r", "--adapters", "tied", "--method", "joint-mezo"), "adapters", "joint-mezo")
        self.refused(self.meta_train("r", "--steps", 0), "steps = 0")
        self.refused(self.meta_train("r", "--temperature", 0.5), "temperature = 0.5")
        self.refused(self.meta_train("r", "--seed", 2**32), "seed")
        self.refused(self.meta_train("r", "--data", self.here / "nowhere"), "nowhere")
        few = self.make_task("few", train=2, toml=TASK.replace('"tiny"', '"few"'))
        self.refused(self.meta_train("r", tasks=[few]), "few", "training rows: 2")
        odd = self.make_task("odd", toml=TASK.replace('"tiny"', '"../odd"'))
        self.refused(self.meta_train("r", tasks=[odd]), "'../odd'")
        self.assertFalse((self.here / "r").exists())  # nothing half written

    def test_a_run_overwrites_nothing(self):
        self.good(self.meta_train("run"))
        self.refused(self.meta_train("run"), "already exists")


if __name__ == "__main__":
    program.main()
