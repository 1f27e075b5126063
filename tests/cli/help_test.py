"""Every command explains itself, and what it gives as an example works as written."""

import json
import os
import re
import shutil
import subprocess
import unittest

import program
from program import Case, zofo

COMMANDS = ("demo", "finetune", "compare", "methods", "replay", "evaluate", "score", "generate", "tokenize")


def example(command: str) -> str:
    """The shell command that the help gives; a line that ends in a backslash goes on."""
    text = zofo(command, "--help").out.replace("\\\n", " ")
    return re.search(r"^\s*Example: (.*zofo .*)$", text, re.MULTILINE).group(1)


class Help(Case):
    def test_lists_the_commands(self):
        text = self.good(zofo("--help")).out
        for command in COMMANDS:
            self.assertRegex(text, rf"(?m)^\s+{command}\s")
        self.assertIn("Example: zofo ", text)
        self.assertRegex(self.good(zofo("--version")).out, r"^\d+\.\d+\.\d+\n$")

    def test_every_command_has_an_example_of_its_own_options(self):
        for command in COMMANDS:
            with self.subTest(command):
                text = self.good(zofo(command, "--help")).out
                line = example(command)
                self.assertIn(f"zofo {command}", line)
                for flag in re.findall(r"--[a-z-]+", line):
                    self.assertIn(flag, text.replace(line, ""))

    def test_every_option_is_explained(self):
        for command in COMMANDS:
            # A long name with its default fills a line; the explanation is on the next one then.
            for flags, shown in re.findall(r"(?m)^  (?:-h,)?(--\S+)((?: .*)?(?:\n {20,}.*)?)$", zofo(command, "--help").out):
                self.assertRegex(re.sub(r"^ [A-Z]+(=\S*)?", "", shown), r"[a-z]{3}", f"{command} {flags}")

    def test_the_examples_run_as_written(self):
        work = self.here / "work"
        data = self.here / "shared" / "data" / "sst2"
        tools = self.here / "bin"
        for folder in (work, data, tools):
            folder.mkdir(parents=True)
        shutil.copy(self.model, work / "model.gguf")
        os.symlink(program.PROGRAM, tools / "zofo")
        for file in ("train.jsonl", "validation.jsonl"):
            made = [{"sentence": row["text"], "label": row["label"]} for row in program.rows(self.task / file)]
            (data / file).write_text("".join(json.dumps(row) + "\n" for row in made))
        environment = {**program.ENVIRONMENT, "PATH": f"{tools}:{os.environ['PATH']}"}
        for command in ("finetune", "compare", "methods", "replay", "evaluate", "score", "generate", "tokenize", "demo"):  # in the order of what they need
            with self.subTest(command):  # as written, but for the seconds
                line = example(command).replace("--max-seconds 150", "--max-seconds 0.2")
                line = line.replace("demo --tiny", "demo --tiny --max-seconds 0.2")
                done = subprocess.run(["sh", "-c", line], cwd=work, env=environment, capture_output=True, check=False,
                                      timeout=60)
                self.assertEqual(done.returncode, 0, line + "\n" + done.stderr.decode())
                self.assertTrue(done.stdout)


class CommandLine(Case):
    def test_wrong_lines_are_refused_by_name(self):
        self.refused(zofo(), "subcommand")
        self.refused(zofo("train"), "train")
        self.refused(zofo("tokenize", "--model", self.model, "--colour"), "--colour")
        self.refused(zofo("score"), "--model")
        self.refused(zofo("score", "--modle", self.model), "--model", "--modle")
        self.refused(zofo("evaluate", "--model", self.model), "--task")
        self.refused(zofo("finetune", "--model", self.model, "--task", self.task), "--out")
        self.refused(zofo("demo"), "--out")
        self.refused(self.finetune(self.here / "run", "--batch-size", "many"), "--batch-size", "many")
        self.refused(self.finetune(self.here / "run", "--batch-size", -1), "--batch-size", "-1")
        self.assertFalse((self.here / "run").exists())


if __name__ == "__main__":
    program.main()
