"""Broken task folders: the message names the file and the line or the key; no run folder is left."""

import unittest

import program
from program import TASK, Case

GOOD = b'{"text": "stone superb", "label": 1}\n'


class BadRows(Case):
    def refuse(self, *parts, evaluate=True):
        """finetune refuses the task and leaves no run folder; so does evaluate, which does not read training examples."""
        self.refused(self.finetune(self.here / "run"), *parts)
        self.assertFalse((self.here / "run").exists())
        if evaluate and any("train.jsonl" in part for part in parts):
            self.good(self.evaluate())
        elif evaluate:
            self.refused(self.evaluate(), *parts)

    def rows(self, file, bad, after=2):
        (self.task / file).write_bytes(GOOD * after + bad + b"\n" + GOOD * 9)

    def test_broken_rows(self):
        for bad, parts in (
            (b'{"text": "stone", "label": 1', ("broken JSON",)),
            (b"{'text': 'stone', 'label': 1}", ("broken JSON",)),
            (b'{"text": "stone", "label": 1} {}', ("broken JSON",)),
            (b'["stone", 1]', ("JSON object",)),
            (b'{"text": "\xff\xfe", "label": 1}', ("invalid UTF-8",)),
            (b'{"text": "\xc3(", "label": 1}', ("invalid UTF-8",)),
            (b'{"text": "stone", "label": 7}', ("label '7'", "'label'", "'0', '1'")),
            (b'{"text": "stone", "label": null}', ("'label'",)),
            (b'{"text": "stone"}', ("'label'",)),
            (b'{"sentence": "stone", "label": 1}', ("'text'",)),
            (b'{"text": ["stone"], "label": 1}', ("'text'",)),
            (b"[" * 50_000, ("broken JSON",)),
            (b'{"text": "' + b"a" * 300 + b'", "label": 1}', ("context is 256",)),
        ):
            for file in ("train.jsonl", "validation.jsonl"):
                with self.subTest(bad[:50], file=file):
                    other = ({"train.jsonl", "validation.jsonl"} - {file}).pop()
                    (self.task / other).write_bytes(GOOD * 9)
                    self.rows(file, bad)
                    self.refuse(f"{file}:3", *parts)

    def test_lines_are_counted_through_blank_ones(self):
        self.rows("train.jsonl", b"\n \t\n{", after=1)
        self.refuse("train.jsonl:4", "broken JSON")

    def test_files_that_are_not_there(self):
        for name in ("train.jsonl", "validation.jsonl"):
            path = self.task / name
            kept = path.read_bytes()
            path.write_bytes(b"\n")
            self.refuse(name, "empty")
            path.unlink()
            self.refuse(name)
            path.mkdir()
            self.refuse(name)
            path.rmdir()
            path.write_bytes(kept)
        self.refused(self.finetune(self.here / "run", task="no_such_task"), "no_such_task", "sst2")
        self.refused(self.finetune(self.here / "run", task=self.here / "absent"), "absent", "task.toml")
        self.refused(self.finetune(self.here / "run", "--data", self.here / "none"), "no train.jsonl", "none")

    def test_too_few_rows(self):
        (self.task / "train.jsonl").write_bytes(GOOD * 5)
        self.refuse("training examples: 5", evaluate=False)

    def test_an_empty_prompt(self):
        (self.task / "task.toml").write_text(TASK.replace(" {text} :", "{text}"))
        self.rows("train.jsonl", b'{"text": "", "label": 1}')
        self.refuse("train.jsonl:3", "prompt")


class BadTask(Case):
    def test_the_key_is_named(self):
        for old, new, parts in (
            ("{text}", "{words}", ("train.jsonl:1", "'words'", "'text'")),
            ("{text}", "{text", ("task.toml", "not closed")),
            ("{text}", "}", ("task.toml", "closes nothing")),
            ("{text}", "text", ("task.toml", "{field}")),
            ('" no"', '""', ("task.toml", "options[0]")),
            ('" no"', '" "', ("task.toml", "options[0]")),
            ('" no"', '" yes"', ("task.toml", "options[1]", "options[0]")),
            ('" no", ', "", ("task.toml", "options", "at least 2")),
            ('[" no", " yes"]', '" no"', ("task.toml", "options")),
            ("1 = 1", "1 = 2", ("task.toml", "label_map", "'1' = 2")),
            ("1 = 1", "1 = -1", ("task.toml", "label_map")),
            ("1 = 1", 'yes = "1"', ("task.toml:7", "label_map")),
            ("1 = 1", "", ("train.jsonl:", "label '1'")),
            ("label_field", "label_fields", ("task.toml", "label_fields")),
            ('label_field = "label"\n', "", ("task.toml", "label_field")),
            ('"label"', '"mark"', ("train.jsonl:1", "'mark'")),
            ('prompt = ', "prompt ", ("task.toml:2",)),
        ):
            with self.subTest(new=new):
                (self.task / "task.toml").write_text(TASK.replace(old, new))
                self.refused(self.finetune(self.here / "run"), *parts)
                self.refused(self.evaluate(), *(part.replace("train.jsonl", "validation.jsonl") for part in parts))
                self.assertFalse((self.here / "run").exists())

    def test_invalid_utf8(self):
        (self.task / "task.toml").write_bytes(TASK.encode().replace(b" yes", b"\xff"))
        self.refused(self.evaluate(), "task.toml:3")


if __name__ == "__main__":
    program.main()
