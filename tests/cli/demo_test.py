"""zofo demo: one table of four methods, and the folder with what is behind it."""

import json
import tomllib
import unittest
from xml.etree import ElementTree

import program
from program import Case, files_of, run_files, tiny, zofo

METHODS = ["zero_shot", "lora", "mezo", "bilevel"]


class Demo(Case):
    def check_folder(self, folder, seconds):
        report = json.loads((folder / "result.json").read_text())
        self.assertEqual([method["method"] for method in report["methods"]], METHODS)
        for method in report["methods"]:
            for name in ("accuracy", "macro_f1", "loss", "seconds", "passes", "peak_mib"):
                self.assertIsInstance(method[name], (int, float), name)
            self.assertLessEqual(0, method["accuracy"])
            self.assertLessEqual(method["accuracy"], 1)
            self.assertGreater(method["loss"], 0)
            self.assertGreater(method["peak_mib"], 1)
            trained = method["method"] != "zero_shot"
            self.assertEqual(method["passes"] > 0, trained)
            self.assertEqual(0 < method["seconds"] < seconds + 2, trained)
        for name in METHODS[1:]:
            self.assertEqual(files_of(folder / name), run_files(name))
        used = tomllib.loads((folder / "options.toml").read_text())
        self.assertEqual({name: used[name]["method"] for name in used}, {name: name for name in METHODS[1:]})
        metrics = program.rows(folder / "metrics.jsonl")
        self.assertEqual({row["method"] for row in metrics}, set(METHODS[1:]))
        self.assertTrue(ElementTree.parse(folder / "curve.svg").getroot().tag.endswith("svg"))
        self.assertEqual((folder / "done").read_text(), "done\n")
        return report

    def test_tiny(self):
        folder = self.here / "new" / "demo"
        result = self.good(zofo("demo", "--tiny", "--max-seconds", 3, "--seed", 3, "--out", folder))
        report = self.check_folder(folder, 3)
        self.assertEqual((report["seed"], report["seconds_per_method"]), (3, 3))
        accuracy = {method["method"]: method["accuracy"] for method in report["methods"]}
        self.assertGreater(accuracy["lora"], 0.9)
        for title, method in zip(("zero-shot", "LoRA", "MeZO", "Bilevel-ZOFO"), METHODS):
            self.assertRegex(result.out, rf"(?m)^{title} +{accuracy[method]:.3f} ")

    def test_a_model_and_a_task_of_ones_own(self):
        folder = self.here / "demo"
        self.good(zofo("demo", "--model", self.model, "--data", self.task, "--max-seconds", 0.2, "--out", folder))
        self.check_folder(folder, 0.2)

    def test_a_definition_by_name(self):
        data = self.here / "movies"
        data.mkdir()
        words = {0: "negative", 1: "positive"}
        for file in ("train.jsonl", "validation.jsonl"):
            made = [{"text": row["text"], "label": words[row["label"]]} for row in program.rows(self.task / file)]
            (data / file).write_text("".join(json.dumps(row) + "\n" for row in made))
        folder = self.here / "demo"
        self.good(zofo("demo", "--model", self.model, "--data", data, "--max-seconds", 0.1, "--out", folder))
        self.check_folder(folder, 0.1)

    def test_bad_input(self):
        folder = self.here / "demo"
        self.refused(zofo("demo", "--out", folder), "--model", "--data", "--tiny")
        for seconds in ("nan", "0", "-1", "inf"):
            self.refused(zofo("demo", "--tiny", "--max-seconds", seconds, "--out", folder), "max_seconds = ")
        self.refused(zofo("demo", "--tiny", "--seed", -1, "--out", folder), "--seed", "-1")
        self.assertFalse(folder.exists())

    def test_a_method_that_fails_is_named_with_its_reason(self):
        (self.task / "train.jsonl").write_text('{"text": "stone", "label": 0}\n')
        folder = self.here / "demo"
        result = zofo("demo", "--model", self.model, "--data", self.task, "--max-seconds", 0.1, "--out", folder)
        self.refused(result, "Bilevel-ZOFO")
        self.assertIn("training examples: 1", result.err)
        self.assertFalse((folder / "done").exists())

    def test_nothing_is_overwritten(self):
        before = {file: file.read_bytes() for file in tiny().rglob("*") if file.is_file()}
        self.refused(zofo("demo", "--tiny", "--max-seconds", 0.1, "--out", tiny()), str(tiny()), "already exists")
        self.assertEqual(before, {file: file.read_bytes() for file in tiny().rglob("*") if file.is_file()})


if __name__ == "__main__":
    program.main()
