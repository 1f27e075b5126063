"""zofo task init: a file of rows becomes a task folder that trains and evaluates; what it cannot infer is refused."""

import json
import random
import shlex
import subprocess
import unittest

import program
from program import Case, rows, zofo

WORDS = "stone river cloud paper table window".split()


def reviews(count=90) -> list:
    """(id, text, sentiment): one word decides, two thirds are positive."""
    made = random.Random(3)
    return [(i, f"{made.choice(WORDS)} {'superb' if i % 3 else 'dreadful'}, {made.choice(WORDS)} \"{i}\"",
             "positive" if i % 3 else "negative") for i in range(count)]


def csv_line(*fields) -> str:
    return ",".join('"' + str(field).replace('"', '""') + '"' for field in fields) + "\n"


class Init(Case):
    def write(self, name: str, text: str):
        (self.here / name).write_text(text)
        return self.here / name

    def reviews(self, count=90):
        return self.write("reviews.csv", "id,text,sentiment\n" + "".join(csv_line(*row) for row in reviews(count)))

    def init(self, path, *arguments):
        return zofo("task", "init", path, *arguments, cwd=self.here)

    def test_from_csv_to_scores_by_the_printed_commands(self):
        out = self.good(self.init(self.reviews())).out
        self.assertIn("classification", out)
        commands = [shlex.split(line) for line in out.splitlines() if line.startswith("  zofo ")]
        self.assertEqual([words[1] for words in commands], ["evaluate", "finetune", "evaluate"])
        for words in commands:
            words = [str(self.model) if word == "MODEL" else program.PROGRAM if word == "zofo" else word for word in words]
            if "--max-seconds" in words:
                words[words.index("--max-seconds") + 1] = "1"
            words += ["--json", "--device", "cpu"]
            done = subprocess.run(words, cwd=self.here, env=program.ENVIRONMENT, capture_output=True, check=False, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr.decode())
            report = json.loads(done.stdout)
            self.assertTrue(0 <= report["accuracy"] <= 1)
        self.assertEqual(report["rows"], 9)

    def test_the_split_has_every_row_once_and_keeps_the_classes(self):
        path = self.reviews()
        self.good(self.init(path))
        parts = {part: rows(self.here / "reviews" / f"{part}.jsonl") for part in ("train", "validation", "test")}
        self.assertEqual({part: len(made) for part, made in parts.items()}, {"train": 72, "validation": 9, "test": 9})
        for part in ("validation", "test"):
            self.assertEqual(sum(row["sentiment"] == "negative" for row in parts[part]), 3)
        everything = sorted((row for made in parts.values() for row in made), key=lambda row: int(row["id"]))
        self.assertEqual(everything, [{"id": str(i), "text": text, "sentiment": label} for i, text, label in reviews()])
        before = (self.here / "reviews" / "test.jsonl").read_bytes()
        self.good(self.init(path, "--out", "same"))
        self.assertEqual((self.here / "same" / "test.jsonl").read_bytes(), before)
        self.good(self.init(path, "--out", "other/deep/", "--seed", 1))
        self.assertNotEqual((self.here / "other" / "deep" / "test.jsonl").read_bytes(), before)

    def test_own_files_are_not_split(self):
        path = self.reviews(12)
        more = self.write("more.tsv", "text\tsentiment\nriver\tpositive\n")
        self.good(self.init(path, "--validation", more))
        self.assertEqual(len(rows(self.here / "reviews" / "train.jsonl")), 12)
        self.assertEqual(rows(self.here / "reviews" / "validation.jsonl"), [{"text": "river", "sentiment": "positive"}])
        self.assertFalse((self.here / "reviews" / "test.jsonl").exists())
        bad = self.write("bad.csv", "text,sentiment\nriver,positive\nriver,mixed\n")
        self.refused(self.init(path, "--validation", bad, "--out", "x"), "bad.csv:3", "label 'mixed'")
        self.assertFalse((self.here / "x").exists())

    def test_every_kind_of_task_evaluates_and_trains(self):
        quiz = "".join(json.dumps({"q": f"{WORDS[i % 6]} {i}?", "choices": ["stone", "river", "cloud"], "answer": "ABC"[i % 3]}) + "\n"
                       for i in range(24))
        pairs = "q,option1,option2,label\n" + "".join(csv_line(f"{WORDS[i % 6]} {i}", "stone", "river", i % 2) for i in range(24))
        texts = "question\tanswer\n" + "".join(f"{WORDS[i % 6]} {i}?\tstone {i}\n" for i in range(24))
        for name, text, kind in (("quiz.jsonl", quiz, "choice"), ("pairs.csv", pairs, "choice"), ("texts.tsv", texts, "generation")):
            with self.subTest(name):
                out = self.good(self.init(self.write(name, text))).out
                self.assertIn(f": {kind}, label", out)
                folder = self.here / name.split(".")[0]
                self.good(self.evaluate("--device", "cpu", task=folder))
                self.good(self.finetune(self.here / f"run-{folder.name}", "--method", "lora", "--device", "cpu", task=folder))

    def test_folders_are_overwritten_only_by_force(self):
        path = self.reviews()
        self.good(self.init(path))
        self.refused(self.init(path), "reviews", "already exists", "--force")
        (self.here / "reviews" / "kept.txt").write_text("mine")
        (self.here / "reviews" / "task.toml").write_text("broken")
        self.good(self.init(path, "--force"))
        self.good(self.evaluate(task=self.here / "reviews"))
        self.assertEqual((self.here / "reviews" / "kept.txt").read_text(), "mine")
        self.good(self.init(path, "--force", "--validation", path))  # no test rows: the old ones are training rows now
        self.assertFalse((self.here / "reviews" / "test.jsonl").exists())

    def test_the_test_rows_are_scored_by_name(self):
        self.good(self.init(self.reviews()))
        folder = self.here / "reviews"
        scored = self.good(self.evaluate("--split", "test", task=folder)).json()
        self.assertEqual(scored["rows"], 9)
        (folder / "validation.jsonl").write_bytes((folder / "test.jsonl").read_bytes())
        self.assertEqual(scored["loss"], self.good(self.evaluate(task=folder)).json()["loss"])
        (folder / "test.jsonl").write_text('{"text": "stone", "sentiment": "mixed"}\n')
        self.refused(self.evaluate("--split", "test", task=folder), "test.jsonl:1", "'mixed'")
        (folder / "test.jsonl").unlink()
        self.refused(self.evaluate("--split", "test", task=folder), "has no test.jsonl, test.csv or test.tsv")
        self.refused(self.evaluate("--split", "train", task=folder), "--split train", "validation or test")

    def test_what_cannot_be_inferred_is_refused(self):
        many = "".join(f"text {i},a{i % 2},b{i % 3}\n" for i in range(12))
        for name, text, arguments, parts in (
            ("a.csv", "text,mood,place\n" + many, (), ("a.csv", "'mood', 'place'", "--label")),
            ("a.csv", "text,mood,place\n" + many, ("--label", "modo"), ("'modo'", "did you mean 'mood'")),
            ("a.csv", "text,mood,place\n" + many, ("--label", "mood", "--kind", "choice"), ("--kind choice",)),
            ("a.csv", "text,mood,place\n" + many, ("--kind", "regression"), ("--kind regression", "classification")),
            ("a.csv", "text,label\na,x\nb\n", (), ("a.csv:3", "1 fields")),
            ("a.csv", "text,label\na,x\n\"b,y\n", (), ("a.csv:3", "not closed")),
            ("a.csv", "text,label\na,x\nb,\nc,x\n", (), ("a.csv:3", "no label")),
            ("a.csv", "text,label\n" + "".join(f"a{i},x{i % 2}\n" for i in range(8)), (), ("a.csv", "8 rows", "--validation")),
            ("a.csv", "text,label\n", (), ("a.csv", "no rows")),
            ("a.csv", "", (), ("a.csv", "empty")),
            ("a.jsonl", '{"text": "a", "label": 1}\n{"text": "a", "label": 1,}\n', (), ("a.jsonl:2", "broken JSON")),
            ("a.xlsx", "PK", (), ("a.xlsx", ".csv")),
        ):
            with self.subTest(text=text[:40], arguments=arguments):
                self.refused(self.init(self.write(name, text), *arguments), *parts)
                self.assertFalse((self.here / "a").exists())
        self.refused(self.init(self.here / "absent.csv"), "absent.csv")
        self.refused(zofo("task"), "subcommand")
        self.refused(zofo("task", "init"), "ROWS")


class Shapes(Case):
    """What own data looks like: the task.toml of the guide on rows of these shapes."""

    def test_a_list_of_choices_with_an_index_is_scored_as_its_candidates(self):
        toml = ('kind = "candidates"\nprompt = " {q} :"\ncandidates_field = "choices"\ncontinuation = " {candidate}"\n'
                'label_field = "answer"\n')
        by_letter, by_index = (self.make_task(name, toml=toml) for name in ("letter", "index"))
        for folder, answer in ((by_letter, lambda i: "ABC"[i % 3]), (by_index, lambda i: i % 3)):
            text = "".join(json.dumps({"q": f"{WORDS[i % 6]} {i}", "choices": ["stone", "river", "cloud"], "answer": answer(i)}) + "\n"
                           for i in range(12))
            for name in ("train.jsonl", "validation.jsonl"):
                (folder / name).write_text(text)
        one, other = (self.good(self.evaluate(task=folder)).json() for folder in (by_letter, by_index))
        self.assertEqual((one["accuracy"], one["loss"]), (other["accuracy"], other["loss"]))
        wanted = self.good(self.score([(f" {WORDS[i % 6]} {i} :", [" stone", " river", " cloud"]) for i in range(12)])).lines()
        best = sum(line["best"] == i % 3 for i, line in enumerate(wanted))
        self.assertAlmostEqual(one["accuracy"], best / 12)

    def test_class_weights_change_the_training_and_not_the_scores_before_it(self):
        weighted = self.make_task("weighted", toml=program.TASK.replace("[label_map]", "class_weights = [9.0, 0.1]\n[label_map]"))
        self.assertEqual(self.good(self.evaluate(task=weighted)).json()["loss"], self.good(self.evaluate()).json()["loss"])
        losses = [self.good(self.finetune(self.here / f"run{i}", "--method", "lora", "--json", "--device", "cpu", "--max-steps", 10,
                                          task=task)).json()["loss"] for i, task in enumerate((self.task, weighted))]
        self.assertNotEqual(*losses)

    def test_labels_of_one_meaning_are_one_class(self):
        """Also labels that other programs write, and a file sorted by class that is cut."""
        odd = self.make_task("odd")
        for name in ("train.jsonl", "validation.jsonl"):
            written = {1: ["1.0", "true", '"1"', "1e0", "1", '"True"'], 0: ["0.0", "false", '"0"', "-0", "0", '"False"']}
            made = sorted(rows(self.task / name), key=lambda row: row["label"])
            (odd / name).write_text("".join(
                f'{{"text": {json.dumps(row["text"])}, "label": {written[row["label"]][i % 6]}}}\n' for i, row in enumerate(made)))
            (self.task / name).write_text("".join(json.dumps(row) + "\n" for row in made))
        one, other = (self.good(self.evaluate(task=task)).json() for task in (self.task, odd))
        self.assertEqual((one["accuracy"], one["loss"]), (other["accuracy"], other["loss"]))
        runs = [self.good(self.finetune(self.here / task.name[:1], "--json", "--device", "cpu", "--max-train-samples", 12,
                                        task=task)).json() for task in (self.task, odd)]
        self.assertEqual(runs[0]["loss"], runs[1]["loss"])


if __name__ == "__main__":
    program.main()
