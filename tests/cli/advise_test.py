"""zofo methods --advise: every number of its data is on the page that it names, times are the measured ones scaled as it states,
memory is what a run takes, and the recommendation follows the memory."""

import importlib.util
import json
import re
import unittest
from pathlib import Path

import program
from program import Case, zofo

ROOT = Path(__file__).parents[2]
SHAPES = {"smollm2-135m": "SmolLM2-135M", "opt-1.3b": "OPT-1.3B", "llama2-7b": "Llama-2-7B"}
STEPS = {"forward": "forward", "mezo_step": "MeZO step", "outer_step": "outer step", "outer_step_low_rank": "outer step, low rank 4",
         "lora_step": "LoRA step"}
TASKS = {"sst2": "SST-2", "rte": "RTE", "trec": "TREC", "emotion": "Emotion", "subj": "Subj"}
METHODS = {"none": "zero-shot", "lora": "LoRA", "mezo": "MeZO", "mezo-lora": "MeZO on LoRA", "bilevel": "Bilevel-ZOFO",
           "frozen": "Bilevel-ZOFO, θ frozen (control)"}


def tables(page: str) -> list:
    """The rows of all tables of a page, as lists of cells; a list of tables."""
    found = []
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            if not found or found[-1] is None:
                found.append([])
            found[-1].append([cell.strip().replace("**", "") for cell in line.strip("|").split("|")])
        elif found and found[-1] is not None:
            found.append(None)
    return [table for table in found if table]


class Data(unittest.TestCase):
    """The file that ships with the program, against the pages that it names."""

    @classmethod
    def setUpClass(cls):
        cls.data = json.loads((ROOT / "measured" / "methods.json").read_text())

    def test_every_source_can_be_repeated(self):
        for name, source in self.data["sources"].items():
            page = (ROOT / source["page"]).read_text(encoding="utf-8")
            self.assertTrue(source["repeat"] and source["machine"], name)
            self.assertRegex(source["commit"], r"^[0-9a-f]{7,40}$")
            self.assertRegex(source["date"], r"^20\d\d-\d\d-\d\d$")
            command = re.search(r"zofo_bench_\w+|\./run demo|scripts/\w+\.py", source["repeat"]).group(0)
            self.assertIn(command, page, name)

    def test_steps_on_the_cpu(self):
        rows = next(t for t in tables("docs/results/performance.md") if t[0][:3] == ["work", "batch × tokens", "seconds"])
        shown = {(row[0].replace(" (gaussian)", ""), row[1]): row for row in rows}
        count = 0
        for step in self.data["steps"]:
            if step["source"] != "cpu steps":
                continue
            row = shown[step["step"], f"{step['sequences']}×{step['tokens']}"]
            self.assertEqual((float(row[2]) * 1000, int(row[6])), (step["ms"], step["peak_mib"]), step)
            count += 1
        self.assertEqual(count, 8)

    def test_steps_on_a_gpu(self):
        all_tables = tables("docs/results/performance.md")
        first = next(t for t in all_tables if "zofo ms" in t[0])
        again = next(t for t in all_tables if t[0][1:] == ["forward", "MeZO step", "outer step", "outer step, low rank 4", "LoRA step"])
        shown, shape = {}, ""
        for row in first[2:]:
            shape = row[0] or shape
            shown["gpu steps", shape, row[1]] = (float(row[2]), float(row[7]))
        for row in again[2:]:
            for step, cell in zip(again[0][1:], row[1:]):
                shown["gpu steps again", row[0], step] = (float(cell.split()[0]), None)
        for step in self.data["steps"]:
            if step["source"] != "cpu steps":
                shape = f"{SHAPES[step['shape']]} {step['sequences']} × {step['tokens']}"
                self.assertEqual(shown[step["source"], shape, STEPS[step["step"]]], (step["ms"], step.get("peak_gib")), step)

    def test_runs_of_the_study(self):
        accuracy = next(t for t in tables("docs/results/study.md") if t[0][1:2] == ["SST-2"] and len(t[0]) == 7)
        details = next(t for t in tables("docs/results/study.md") if t[0][1:2] and t[0][1].startswith("steps"))
        by_method = {row[0]: row for row in accuracy}
        detail = {row[0]: [[part.strip() for part in cell.split(",")] for cell in row] for row in details}
        count = 0
        for run in self.data["runs"]:
            if run["source"] != "study":
                continue
            name, column = METHODS[run["method"]], list(TASKS).index(run["task"])
            self.assertEqual(accuracy[0][column + 1], TASKS[run["task"]])
            shown = f"{run['accuracy']:.3f}" + (f" ± {run['error']:.3f}" if "error" in run else "")
            self.assertEqual(by_method[name][column + 1], shown, run)
            count += 1
            if run["method"] == "none":
                continue
            row = detail["θ frozen" if run["method"] == "frozen" else name]
            self.assertEqual((row[1][column], row[3][column], "".join(row[4])),
                             (str(run["steps"]), f"{run['loss']:.3f}", str(run["peak_mib"])), run)
        self.assertEqual(count, 30)

    def test_runs_of_the_demo(self):
        table = next(t for t in tables("docs/results/demo.md") if t[0][1:] == ["accuracy", "loss", "steps", "peak MiB"])
        shown = {row[0].split(" (")[0]: row[1:] for row in table}
        for run in self.data["runs"]:
            if run["source"] == "demo":
                self.assertEqual(shown[METHODS[run["method"]]], [f"{run['accuracy']:.3f}", f"{run['loss']:.3f}", str(run.get("steps", "–")),
                                                                 f"{run['peak_mib']:,}"], run)

    def test_gains_on_new_tasks(self):
        table = next(t for t in tables("docs/results/study-meta.md") if t[0][:2] == ["backbone", "start"])
        shown = {(row[0].split()[0], row[1]): row for row in table if row[0] != "bilevel 1e-7"}
        for gain in self.data["new_tasks"]:
            row = shown[gain["method"], gain["start"]]
            self.assertEqual([row[3].split()[0], row[5].split()[0], row[4].split()[0], row[6].split()[0]],
                             [f"{gain['at_5']:.3f}", f"{gain['at_16_a_class']:.3f}", f"{gain['gain_at_5']:+.3f}",
                              f"{gain['gain_at_16_a_class']:+.3f}"], gain)


class Picture(Case):
    """docs/guide/figures/bilevel.svg is what its script draws, with the numbers that a run has."""

    def test_the_numbers_are_those_of_a_run(self):
        spec = importlib.util.spec_from_file_location("draw_bilevel", ROOT / "scripts" / "draw_bilevel.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.assertEqual((ROOT / "docs/guide/figures/bilevel.svg").read_text(encoding="utf-8"), script.picture(1000))
        for examples in (60, 61, 62):
            run = self.here / str(examples)
            task = self.make_task(f"task{examples}", train=examples)
            self.good(self.finetune(run, "--method", "bilevel", "--max-steps", 1, "--device", "cpu", task=task))
            decision = json.loads((run / "served.json").read_text())["decision"]
            self.assertEqual(decision["rows"], script.parts(examples)["selection"])
            self.assertEqual(sum(script.parts(examples).values()), examples)


class Advise(Case):
    def advise(self, *arguments, model=None, task=None, **options):
        return zofo("methods", "--advise", "--model", model or self.model, "--task", task or self.task, "--device", "cpu", *arguments,
                    **options)

    def report(self, *arguments, **options) -> dict:
        return self.good(self.advise("--json", *arguments, **options)).json()

    def method(self, report: dict, name: str) -> dict:
        return next(each for each in report["methods"] if each["method"] == name)

    def test_the_task_and_the_model_are_described(self):
        report = self.report()
        prompts = [self.ids(f" {row['text']} :") for row in program.rows(self.task / "train.jsonl")]
        self.assertEqual(report["task"]["training_examples"], len(prompts))
        extra = report["task"]["longest_tokens"] - max(map(len, prompts))
        self.assertIn(extra, (0, 1, 2))  # a beginning-of-text token, a choice of several tokens
        self.assertAlmostEqual(report["task"]["mean_tokens"] - sum(map(len, prompts)) / len(prompts), extra, delta=2)

    def test_times_are_the_measured_ones_scaled(self):
        data = json.loads((ROOT / "measured" / "methods.json").read_text())
        report = self.report("--batch-size", 4)
        # The generated model's shape, and by hand the multiplications of its and of SmolLM2-135M's steps.
        tiny = self.shape()
        blocks = tiny["layers"] * (tiny["width"] * (tiny["queries"] + 2 * tiny["keys"]) + tiny["queries"] * tiny["width"]
                                   + 3 * tiny["width"] * tiny["ffn"])
        mine = 4 * report["task"]["mean_tokens"] * blocks + 4 * tiny["vocab"] * tiny["width"]
        theirs = 8 * 32 * 30 * (576 * (576 + 2 * 192) + 576 * 576 + 3 * 576 * 1536) + 8 * 49152 * 576
        measured = next(s["ms"] for s in data["steps"] if (s["source"], s["step"], s["tokens"]) == ("cpu steps", "lora_step", 32))
        time = self.method(report, "lora")["cpu_step"]
        self.assertAlmostEqual(time["seconds"] / (measured / 1000 * mine / theirs), 1, delta=1e-6)
        self.assertIn("lora_step of smollm2-135m, 8 x 32 tokens", time["scaled_from"])
        frozen, bilevel = (self.method(report, name)["cpu_step"] for name in ("frozen", "bilevel"))
        self.assertAlmostEqual(frozen["seconds"] / (12 * time["seconds"]), 1, delta=1e-6)
        self.assertGreater(bilevel["seconds"], frozen["seconds"])
        # A GPU's small steps are limited by launches: no time is below the measured one.
        self.assertAlmostEqual(self.method(report, "mezo")["gpu_step"]["seconds"], 2.02e-3, delta=1e-9)
        for name in ("fzoo", "prefix", "mezo-adam"):  # no step of these was measured
            self.assertIsNone(self.method(report, name)["cpu_step"])

    def shape(self) -> dict:
        out = self.here / "shape"
        self.good(zofo("export", "--model", self.model, "--format", "hf", "--out", out))
        config = json.loads((out / "config.json").read_text())
        dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        return {"layers": config["num_hidden_layers"], "width": config["hidden_size"], "ffn": config["intermediate_size"],
                "vocab": config["vocab_size"], "queries": config["num_attention_heads"] * dim,
                "keys": config["num_key_value_heads"] * dim}

    def test_memory_is_what_a_run_takes(self):
        report = self.report("--batch-size", 8)
        for name in ("lora", "mezo", "bilevel"):
            run = self.here / name
            self.good(self.finetune(run, "--method", name, "--batch-size", 8, "--device", "cpu"))
            peak = json.loads((run / "result.json").read_text())["methods"][0]["peak_mib"]
            # The tiny model's memory is mostly the program's own.
            self.assertAlmostEqual(self.method(report, name)["cpu_memory"] / 2**20 / peak, 1, delta=0.3, msg=name)

    def test_accuracy_is_that_of_the_nearest_task(self):
        named = self.make_task("sst2", toml=program.TASK.replace('"tiny"', '"SST-2"'))
        report = self.report(task=named)
        self.assertEqual(report["nearest"]["tasks"], ["sst2"])
        self.assertEqual(self.method(report, "lora")["results"][0]["accuracy"], 0.871)
        self.assertEqual(set(self.report()["nearest"]["tasks"]), {"sst2", "rte", "subj", "movies"})
        text = self.good(self.advise()).out
        self.assertIn("tasks with two answer choices", text)
        generated = self.make_task("generated", toml='name = "g"\nprompt = " {text} :"\nkind = "generate"\nanswers_field = "answers"\ncontinuation = " {answer}"\n')
        for file in ("train.jsonl", "validation.jsonl"):
            rows = program.rows(generated / file)
            (generated / file).write_text("".join(json.dumps({"text": row["text"], "answers": [" yes"]}) + "\n" for row in rows))
        report = self.report(task=generated)
        self.assertEqual(report["nearest"]["tasks"], [])
        self.assertIn("no run on a task with generated answers", report["recommendation"]["reason"])

    def test_the_recommendation_follows_the_memory(self):
        report = self.report("--batch-size", 64)
        memory = {name: self.method(report, name)["cpu_memory"] for name in ("lora", "mezo")}
        self.assertGreater(memory["lora"], memory["mezo"])

        def recommended(bytes_given: int):
            return self.report("--batch-size", 64, "--memory", bytes_given / 2**30)["recommendation"]

        self.assertEqual(recommended(2 * memory["lora"])["options"], "--method lora")
        self.assertIsNone(recommended(1 << 20)["method"])
        self.assertIn("nothing fits", recommended(1 << 20)["reason"])
        # The measured difference is among the reasons.
        self.assertIn("0.871 ± 0.005 against 0.793 ± 0.008 on sst2", recommended(2 * memory["lora"])["reason"])

    def test_few_examples_name_the_study_of_meta_training(self):
        self.assertIn("zofo meta-train", self.good(self.advise()).out)  # 60 examples
        many = self.make_task("many", train=200)
        self.assertNotIn("zofo meta-train", self.good(self.advise(task=many)).out)

    def test_every_number_has_its_source(self):
        text = self.good(self.advise()).out
        for part in ("to repeat: ", "commit 2c53236", "docs/results/study.md", "not measured on this model but scaled", "Recommendation: "):
            self.assertIn(part, text)

    def test_wrong_lines_are_refused(self):
        self.refused(zofo("methods", "--advise", "--model", self.model), "--task")
        self.refused(zofo("methods", "--model", self.model), "--model", "only with --advise")
        self.refused(zofo("methods", "--batch-size", 4), "--batch-size", "only with --advise")
        self.refused(self.advise("--batch-size", 0), "batch_size = 0")
        self.refused(self.advise("--memory", -1), "--memory", "-1")
        for value in ("nan", "inf", "1e30"):
            self.refused(self.advise("--memory", value), f"--memory {float(value):g}", "GiB")
        self.refused(self.advise(model=self.here / "none.gguf"), "none.gguf")
        wrong = self.here / "methods.json"
        for text, part in (("{", "methods.json"), ('{"sources": {}, "steps": [{"source": "x"}]}', "source = 'x'"),
                           ('{"sources": {"a": {"page": 1}}}', "page")):
            wrong.write_text(text)
            self.refused(self.advise(env={**program.ENVIRONMENT, "ZOFO_MEASURED": str(wrong)}), part)


if __name__ == "__main__":
    program.main()
