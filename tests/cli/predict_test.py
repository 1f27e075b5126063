"""zofo predict: an answer for each row of a file, and metrics worked out here again from the answers."""

import csv
import io
import json
import math
import os
import subprocess
import unittest

import program
from program import Case, rows, zofo

GENERATE = """kind = "generate"
prompt = "{text} is"
answers_field = "answers"
continuation = " {answer}"
max_new_tokens = 4
"""

CANDIDATES = """kind = "candidates"
prompt = "{text} is"
candidates_field = "choices"
label_field = "right"
continuation = " {candidate}"
"""


class Predict(Case):
    def predict(self, *arguments, task=None, **options):
        return zofo("predict", "--model", self.model, "--task", task or self.task, *arguments, **options)

    def write(self, name: str, text: str):
        (self.here / name).write_text(text)
        return self.here / name

    def json_lines(self, name: str, items):
        return self.write(name, "".join(json.dumps(item) + "\n" for item in items))

    def table(self, name: str, items, separator=","):
        out = io.StringIO()
        writer = csv.writer(out, delimiter=separator)
        names = list(items[0])
        writer.writerow(["", *names])  # as pandas' to_csv: an index without a name
        for i, item in enumerate(items):
            writer.writerow([i, *(item.get(name, "") for name in names)])
        return self.write(name, out.getvalue())

    def figures(self, labels, predictions):
        """scikit-learn's definitions, written out."""
        classes = []
        for c in (0, 1):
            hits = sum(l == p == c for l, p in zip(labels, predictions))
            predicted, support = predictions.count(c), labels.count(c)
            precision, recall = hits / predicted if predicted else 0, hits / support if support else 0
            f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0
            classes.append({"precision": precision, "recall": recall, "f1": f1, "support": support})
        confusion = [[sum(l == a and p == b for l, p in zip(labels, predictions)) for b in (0, 1)] for a in (0, 1)]
        return classes, confusion

    def test_answers_are_those_of_score_and_metrics_those_of_evaluate(self):
        held_out = rows(self.task / "validation.jsonl")
        items = [{"id": i, **row} for i, row in enumerate(held_out)]
        done = self.good(self.predict(self.json_lines("rows.jsonl", items), "--metrics", self.here / "m.json"))
        self.assertEqual(done.err, "")
        answers = done.lines()
        scored = self.good(self.score([(f" {row['text']} :", [" no", " yes"]) for row in held_out])).lines()
        for item, answer, wanted in zip(items, answers, scored, strict=True):
            for name, value in item.items():
                self.assertEqual(answer[name], value)
            self.assertEqual(answer["choices"], ["no", "yes"])
            self.assertEqual(answer["index"], wanted["best"])
            self.assertEqual(answer["answer"], ["no", "yes"][wanted["best"]])
            self.assertEqual(answer["correct"], wanted["best"] == item["label"])
            whole = sum(map(math.exp, wanted["logprobs"]))
            for a, b, p in zip(answer["scores"], wanted["logprobs"], answer["probabilities"]):
                self.assertAlmostEqual(a, b, delta=1e-4)
                self.assertAlmostEqual(p, math.exp(b) / whole, delta=1e-4)
        metrics = json.loads((self.here / "m.json").read_text())
        evaluated = self.good(self.evaluate()).json()
        for name in ("accuracy", "macro_f1", "loss"):
            self.assertAlmostEqual(metrics[name], evaluated[name], delta=1e-6, msg=name)
        classes, confusion = self.figures([row["label"] for row in held_out], [answer["index"] for answer in answers])
        self.assertEqual(metrics["confusion"], confusion)
        self.assertEqual([each["name"] for each in metrics["classes"]], ["no", "yes"])
        for each, wanted in zip(metrics["classes"], classes):
            for name, value in wanted.items():
                self.assertAlmostEqual(each[name], value, delta=1e-12, msg=name)
        self.assertEqual((metrics["rows"], metrics["labelled"], metrics["errors"], metrics["split"]), (24, 24, 0, None))

    def test_every_format_and_standard_input_give_the_same(self):
        items = rows(self.task / "validation.jsonl")
        reference = [(each["answer"], each["scores"]) for each in
                     self.good(self.predict(self.json_lines("r.jsonl", items))).lines()]
        files = {"csv": self.table("r.csv", items), "tsv": self.table("r.tsv", items, "\t")}
        for name, path in files.items():
            with self.subTest(name):
                done = self.good(self.predict(path))
                self.assertEqual([(each["answer"], each["scores"]) for each in done.lines()], reference)
                self.assertEqual(done.lines()[3]["Unnamed: 0"], "3")
                self.assertIn("24 rows, 24 labelled", done.err)
                piped = self.good(self.predict("-", "--input-format", name, stdin=path.read_text()))
                self.assertEqual(piped.out, done.out)
        piped = self.good(self.predict("-", stdin=(self.here / "r.jsonl").read_text()))
        for each, wanted in zip(piped.lines(), reference, strict=True):
            self.assertEqual(each["answer"], wanted[0])

    def test_rows_without_labels(self):
        items = [{"id": 7, "text": " stone", "answer": "mine"}, {"text": " river", "label": None}]
        done = self.good(self.predict(self.json_lines("r.jsonl", items)))
        self.assertEqual(done.err, "")
        first, second = done.lines()
        self.assertEqual((first["id"], first["row.answer"]), (7, "mine"))
        self.assertNotIn("correct", first)
        self.assertNotIn("correct", second)
        blank = self.good(self.predict(self.table("r.csv", [{"text": " stone", "label": ""}, {"text": " sea", "label": 1}])))
        self.assertIn("2 rows, 1 labelled", blank.err)

    def test_fields_that_an_answer_has_keep_their_values(self):
        items = [{"text": " stone", "error": "mine", "answer": 1, "row.answer": 2}]
        (answer,) = self.good(self.predict(self.json_lines("r.jsonl", items))).lines()
        self.assertNotIn("error", answer)
        self.assertEqual([answer[name] for name in ("row.error", "row.row.answer", "row.answer")], ["mine", 1, 2])

    def test_a_bad_row_is_answered_in_its_place(self):
        text = '{"text": " a", "label": 1}\n{"text": 3\n\n{"id": 5, "txt": " a"}\n{"text": " b", "label": "x"}\n{"text": " c"}\n'
        result = self.predict(self.write("r.jsonl", text), "--output", self.here / "out.jsonl")
        self.assertEqual((result.code, result.out), (1, ""))
        self.assertIn("3 lines were answered by an error", result.err)
        answers = rows(self.here / "out.jsonl")
        self.assertEqual(["error" in each for each in answers], [False, True, True, True, False])
        for each, parts in zip(answers[1:4], (("r.jsonl:2",), ("r.jsonl:4", "no field 'text'"), ("r.jsonl:5", "'x'"))):
            for part in parts:
                self.assertIn(part, each["error"])
        self.assertEqual(answers[2]["id"], 5)
        self.assertFalse((self.here / "out.jsonl.part").exists())
        result = self.predict(self.write("r.csv", "text,label\n a,1\n b,1,2\n\"c,1\n d,0\n"))
        self.assertEqual(["error" in each for each in result.lines()], [False, True, True, False])

    def test_a_split_is_named_in_every_output(self):
        (self.task / "test.jsonl").write_text((self.task / "validation.jsonl").read_text().splitlines(keepends=True)[0] * 5)
        for split, count in (("validation", 24), ("test", 5)):
            done = self.good(self.predict("--split", split, "--metrics", self.here / "m.json"))
            self.assertEqual(len(done.lines()), count)
            self.assertEqual(json.loads((self.here / "m.json").read_text())["split"], split)
            self.assertIn(f"{split} (", self.good(self.predict("--split", split)).err)
            self.assertEqual(self.good(self.evaluate("--split", split)).json()["split"], split)
            shown = self.good(zofo("evaluate", "--model", self.model, "--task", self.task, "--split", split))
            self.assertIn(f"{split} examples {count}", shown.out)

    def test_generated_answers(self):
        task = self.make_task("gen", toml=GENERATE)
        items = [{"text": " stone", "answers": ["river", "the sea"], "id": "a"}, {"text": " stone"}]
        first, second = self.good(self.predict(self.json_lines("r.jsonl", items), task=task)).lines()
        (alone,) = self.good(zofo("generate", "--model", self.model, "--max-new-tokens", 4, "--stop", "\n", "--json",
                                  "--prompt", " stone is")).lines()
        for each in (first, second):
            self.assertEqual((each["text"], each["end"]), (alone["text"], alone["end"]))
        self.assertIn(first["exact_match"], (0, 1))
        self.assertNotIn("f1", second)

    def test_candidates_of_each_row(self):
        task = self.make_task("cand", toml=CANDIDATES)
        items = [{"text": " a", "choices": ["river", "sea", "sky"], "right": 2}, {"text": " b", "choices": ["x", "y"]},
                 {"text": " c", "choices": []}]
        result = self.predict(self.json_lines("r.jsonl", items), task=task)
        self.assertEqual(result.code, 1)
        first, second, third = result.lines()
        self.assertEqual(first["choices"], ["river", "sea", "sky"])
        self.assertEqual((len(first["scores"]), len(second["scores"])), (3, 2))
        self.assertIn(second["answer"], ("x", "y"))
        self.assertIn("r.jsonl:3", third["error"])

    def test_refusals(self):
        self.refused(self.predict(), "exactly one")
        self.refused(self.predict("a.jsonl", "--split", "test"), "exactly one")
        self.refused(self.predict("a.jsonl", "b.jsonl"), "b.jsonl: not expected", "takes fewer arguments")
        self.refused(self.predict("--split", "train"), "validation or test")
        self.refused(self.predict("--split", "test"), "has no test.jsonl")
        self.refused(self.predict(self.here / "none.csv"), "none.csv: no such file")
        self.refused(self.predict(self.write("r.txt", "x")), "must be CSV")
        self.refused(self.predict(self.write("r.csv", "")), "empty")
        self.refused(self.predict(self.write("r.csv", "a,a\n1,2\n")), "'a' occurs twice")
        self.refused(self.predict("-", "--input-format", "xml"), "jsonl, csv or tsv")

    def test_no_file_takes_the_place_of_another(self):
        given = self.json_lines("r.jsonl", [{"text": " stone", "label": 1}])
        before, out = given.read_text(), self.here / "out.jsonl"
        self.refused(self.predict(given, "--output", out, "--metrics", self.here / "." / "out.jsonl"), "both name")
        for flag in ("--output", "--metrics"):
            self.refused(self.predict("r.jsonl", flag, given, cwd=self.here), flag, "would replace the rows")
            self.refused(self.predict(given, flag, self.here / "none" / "m.json"), "none/m.json")
            os.mkfifo(self.here / flag)
            self.refused(self.predict(given, flag, self.here / flag), "no regular file")
            self.assertTrue((self.here / flag).is_fifo())
        self.assertEqual(given.read_text(), before)
        self.assertFalse(out.exists())

    def test_the_name_of_a_file_may_be_no_text(self):
        name = os.fsencode(self.here) + b"/caf\xe9.csv"
        with open(name, "wb") as file:
            file.write(b"text,label\n stone,1\n")
        command = [os.fsencode(part) for part in (program.PROGRAM, "predict", name, "--model", self.model, "--task", self.task,
                                                  "--metrics", self.here / "m.json")]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        self.assertIn("caf", json.loads((self.here / "m.json").read_text())["file"])


if __name__ == "__main__":
    program.main()
