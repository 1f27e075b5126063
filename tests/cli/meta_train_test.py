"""zofo meta-train: one backbone over many tasks, into a run folder; what it refuses."""

import json
import tomllib
import unittest

import program
from program import TASK, Case, files_of, rows, zofo

FILES = {"run.json", "tasks", "state.bin", "options.toml", "meta.json", "metrics.jsonl", "trajectory.jsonl", "result.json",
         "curve.svg", "done", "adapters", "events"}


class MetaTrain(Case):
    def setUp(self):
        super().setUp()
        self.tasks = [self.make_task("a", toml=TASK.replace('"tiny"', '"a"')),
                      self.make_task("b", train=40, toml=TASK.replace('"tiny"', '"b"').replace(" yes", " river"))]

    def meta_train(self, out, *arguments, tasks=None):
        bound = () if {"--max-steps", "--max-seconds"} & set(arguments) else ("--max-steps", 3)
        names = ",".join(map(str, self.tasks if tasks is None else tasks))
        return zofo("meta-train", "--model", self.model, "--tasks", names, "--out", self.here / out, *bound, *arguments)

    def test_a_run_folder(self):
        result = self.good(self.meta_train("run", "--json", "--zo-learning-rate", 1e-4)).json()
        run = self.here / "run"
        self.assertEqual(files_of(run), FILES)
        self.assertEqual(result, json.loads((run / "result.json").read_text()))
        self.assertEqual(result["steps"], 3)
        self.assertGreater(result["moved"], 0)
        self.assertEqual([task["name"] for task in result["tasks"]], ["a", "b"])
        steps = [line for line in rows(run / "metrics.jsonl") if line["event"] == "step"]
        self.assertEqual([line["tasks"] for line in steps], [[0, 1]] * 3)
        self.assertEqual(len(rows(run / "trajectory.jsonl")), 3)
        self.assertEqual({path.name for path in (run / "adapters").iterdir()}, {"a", "b"})
        self.assertEqual(tomllib.loads((run / "options.toml").read_text())["zo_learning_rate"], 1e-4)
        self.assertLess((run / "trajectory.jsonl").stat().st_size, 1000)

    def test_the_same_seed_gives_the_same_run(self):
        for out in "xy":
            self.good(self.meta_train(out, "--seed", 4, "--tasks-per-step", 1, "--sampling", "tempered"))
        for file in ("trajectory.jsonl", "meta.json", "adapters/a/adapter_model.safetensors"):
            self.assertEqual((self.here / "x" / file).read_bytes(), (self.here / "y" / file).read_bytes())

    def test_every_method_runs(self):
        for method in ("bilevel", "frozen", "random-sign", "joint-lora", "joint-mezo", "none"):
            with self.subTest(method):
                self.good(self.meta_train(method, "--method", method))
                moves = rows(self.here / method / "trajectory.jsonl")
                self.assertEqual(len(moves) > 0, method in ("bilevel", "random-sign", "joint-mezo"))
                self.assertEqual((self.here / method / "merged").exists(), method == "joint-lora")

    def test_it_goes_on_where_it_stopped(self):
        self.good(self.meta_train("whole", "--max-steps", 6, "--zo-learning-rate", 1e-4))
        self.good(self.meta_train("run", "--max-steps", 2, "--zo-learning-rate", 1e-4))
        run = self.here / "run"
        self.good(zofo("meta-train", "--resume", run, "--max-steps", 6))
        for file in ("trajectory.jsonl", "adapters/a/adapter_model.safetensors", "meta.json"):
            self.assertEqual((run / file).read_bytes(), (self.here / "whole" / file).read_bytes())
        self.refused(zofo("meta-train", "--resume", run), "the run is finished", "6 steps")
        self.refused(zofo("meta-train", "--resume", run, "--max-steps", 8, "--batch-size", 4), "batch_size = 4")
        self.refused(zofo("meta-train", "--resume", run, "--out", self.here / "o"), "--out", "--resume")
        self.refused(zofo("meta-train", "--resume", self.here / "nowhere"), "nowhere")
        other = self.here / "other.gguf"
        bytes_ = bytearray(self.model.read_bytes())
        bytes_[-4] ^= 1  # a bit of the last weight
        other.write_bytes(bytes_)
        self.refused(zofo("meta-train", "--resume", run, "--max-steps", 8, "--model", other), "model", "started with")
        words = self.make_task("words", toml=TASK.replace('"tiny"', '"a"').replace(" no", " cloud"))
        names = f"{words},{self.tasks[1]}"
        self.refused(zofo("meta-train", "--resume", run, "--max-steps", 8, "--tasks", names), "task a", "started with")

    def test_ways_to_move_the_backbone(self):
        ways = {"low-rank": ("--direction", "low-rank", "--num-directions", 4),
                "sparse": ("--direction", "random-sparse", "--mask-density", 0.1),
                "svrg": ("--variance-reduction", "svrg", "--anchor-interval", 2),
                "unseen": ("--backbone-examples", "unseen", "--max-step-norm", 0.01),
                "adam": ("--outer-optimizer", "adam")}
        lines = "".join(json.dumps({"prompt": f" {word} :", "options": [" no", " yes"], "adapter": "a"}) + "\n"
                        for word in ("stone", "green"))
        for name, way in ways.items():
            with self.subTest(name):
                told = self.good(self.meta_train(name, "--zo-learning-rate", 1e-4, "--json", *way)).json()
                self.assertGreater(told["moved"], 0)
                run = self.here / name
                # The run's own score of the task is that of the backbone put together again.
                adapted = self.good(zofo("adapt", "--model", self.model, "--run", run, "--task", self.tasks[0], "--shots", 2,
                                         "--max-steps", 1, "--learning-rate", 0, "--start", "a", "--json")).json()
                self.assertAlmostEqual(adapted["loss"], told["tasks"][0]["loss"], delta=1e-5)
                self.good(zofo("score", "--model", self.model, "--run", run, stdin=lines))
                self.good(self.meta_train(name + "-whole", "--max-steps", 5, "--zo-learning-rate", 1e-4, *way))
                self.good(zofo("meta-train", "--resume", run, "--max-steps", 5))
                whole = self.here / f"{name}-whole"
                self.assertEqual((run / "trajectory.jsonl").read_bytes(), (whole / "trajectory.jsonl").read_bytes())
        self.assertLessEqual(json.loads((self.here / "unseen" / "result.json").read_text())["moved"], 5 * 0.01)
        described = self.here / "svrg" / "meta.json"
        old = json.loads(described.read_text())
        del old["theta"]
        described.write_text(json.dumps(old))
        self.refused(zofo("score", "--model", self.model, "--run", self.here / "svrg", stdin=lines), "meta.json",
                     "'theta' is missing")

    def test_it_can_what_fine_tuning_can(self):
        run = self.here / "run"
        self.good(self.meta_train("run", "--method", "bilevel-prefix", "--max-steps", 6, "--inner-steps", 2, "--early-stopping-patience", 2,
                                  "--eval-steps", 2, "--lr-scheduler-type", "cosine", "--warmup-steps", 1, "--gradient-accumulation-steps", 2,
                                  "--max-grad-norm", 1, "--weight-decay", 0.01, "--shots", 15, "--curve-points", 3,
                                  "--zo-learning-rate", 1e-4))
        events = [row["event"] for row in rows(run / "metrics.jsonl")]
        self.assertLessEqual({"before", "step", "decision", "curve", "after"}, set(events))
        self.assertIn("PREFIX_TUNING", (run / "adapters" / "a" / "adapter_config.json").read_text())
        self.assertIn("equal to the run's record", self.good(zofo("replay", "--model", self.model, "--run", run)).out)
        self.good(zofo("adapt", "--model", self.model, "--run", run, "--task", self.tasks[0], "--shots", 2, "--start", "mean",
                       "--max-steps", 1))
        self.good(zofo("finetune", "--model", self.model, "--task", self.tasks[0], "--out", self.here / "other", "--config",
                       run / "options.toml", "--max-steps", 3, "--warmup-steps", 0))
        self.refused(self.meta_train("r", "--method", "mezo-lora"), "mezo-lora", "zofo finetune takes this method")

    def test_fine_tuning_can_what_it_can(self):
        for name, way in {"frozen": ("--method", "frozen", "--adapter", "prefix"), "random-sign": ("--method", "random-sign"),
                          "unseen": ("--backbone-examples", "unseen", "--adapters", "reset", "--reset-interval", 2),
                          "joint": ("--method", "joint-mezo")}.items():
            with self.subTest(name):
                run = self.here / name
                result = self.good(zofo("finetune", "--model", self.model, "--task", self.tasks[0], "--out", run, "--max-steps", 4,
                                        "--zo-learning-rate", 1e-4, "--json", *way)).json()
                self.assertEqual(result["moved"] > 0, name != "frozen")
                self.good(zofo("replay", "--model", self.model, "--run", run))

    def test_what_it_refuses(self):
        self.refused(self.meta_train("r", "--max-step-norm", 0.1, "--outer-optimizer", "rms-scalar"), "max_step_norm = 0.1", "rms-scalar")
        self.refused(self.meta_train("r", "--backbone-examples", "unseen", "--method", "joint-lora"), "backbone_examples", "joint-lora")
        self.refused(self.meta_train("r", "--variance-reduction", "svrg", "--max-resident-adapters", 1), "max_resident_adapters = 1", "svrg")
        self.refused(self.meta_train("r", tasks=[self.tasks[0]] * 2), "'a' is named twice")
        self.refused(self.meta_train("r", tasks=["no_such_task"]), "no_such_task")
        self.refused(self.meta_train("r", "--method", "mixed"), "method", "joint-mezo")
        self.refused(self.meta_train("r", "--tasks-per-step", 3), "tasks_per_step = 3", "2 tasks")
        self.refused(self.meta_train("r", "--adapters", "shared", "--method", "joint-mezo"), "adapters", "joint-mezo")
        self.refused(self.meta_train("r", "--temperature", 0.5), "temperature = 0.5")
        self.refused(self.meta_train("r", "--seed", 2**32), "seed")
        self.refused(self.meta_train("r", "--data", self.here / "nowhere"), "nowhere")
        few = self.make_task("few", train=2, toml=TASK.replace('"tiny"', '"few"'))
        self.refused(self.meta_train("r", tasks=[few]), "few", "training examples: 2")
        odd = self.make_task("odd", toml=TASK.replace('"tiny"', '"../odd"'))
        self.refused(self.meta_train("r", tasks=[odd]), "'../odd'")
        self.assertFalse((self.here / "r").exists())  # nothing half written

    def test_a_run_overwrites_nothing(self):
        self.good(self.meta_train("run"))
        self.refused(self.meta_train("run"), "already exists")


if __name__ == "__main__":
    program.main()
