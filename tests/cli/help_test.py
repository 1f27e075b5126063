"""Every command explains itself, and what it gives as an example works as written."""

import json
import os
import re
import shutil
import subprocess
import unittest

import program
from program import Case, zofo

COMMANDS = ("demo", "doctor", "finetune", "compare", "methods", "replay", "show", "evaluate", "predict", "score",
            "generate", "tokenize")


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
        data = work / "DATA" / "sst2"
        tools = self.here / "bin"
        for folder in (work, data, tools):
            folder.mkdir(parents=True)
        shutil.copy(self.model, work / "model.gguf")
        os.symlink(program.PROGRAM, tools / "zofo")
        for file in ("train.jsonl", "validation.jsonl"):
            made = [{"sentence": row["text"], "label": row["label"]} for row in program.rows(self.task / file)]
            (data / file).write_text("".join(json.dumps(row) + "\n" for row in made))
        (work / "new.csv").write_text("id,sentence\n1,stone\n")
        environment = {**program.ENVIRONMENT, "PATH": f"{tools}:{os.environ['PATH']}"}
        for command in ("doctor", "finetune", "compare", "methods", "replay", "show", "evaluate", "predict", "score",
                        "generate", "tokenize", "demo"):  # in the order of what they need
            with self.subTest(command):  # as written, but for the seconds
                line = example(command).replace("--max-seconds 150", "--max-seconds 0.2")
                line = line.replace("demo --tiny", "demo --tiny --max-seconds 0.2")
                done = subprocess.run(["sh", "-c", line], cwd=work, env=environment, capture_output=True, check=False,
                                      timeout=60)
                self.assertEqual(done.returncode, 0, line + "\n" + done.stderr.decode())
                self.assertTrue(done.stdout)


class HelpOfCommands(Case):
    def test_zofo_alone_and_zofo_help_print_the_commands(self):
        text = self.good(zofo("--help")).out
        self.assertEqual(self.good(zofo()).out, text)
        self.assertEqual(self.good(zofo("help")).out, text)
        for command in COMMANDS:
            self.assertEqual(self.good(zofo("help", command)).out, self.good(zofo(command, "--help")).out)
        self.refused(zofo("help", "finetun"), "finetun: no such command", "did you mean finetune?")
        self.refused(zofo("help", "score", "generate"), "takes one command")

    def test_the_nearest_name_of_a_mistyped_one(self):
        for line, parts in ((("finetun", "--help"), ("finetun: no such command; did you mean finetune?",)),
                            (("meta_train",), ("did you mean meta-train?",)),
                            (("export", "--modle", "x"), ("--model is required", "--modle: zofo export has no such option", "did you mean --model?")),
                            (("score", "--modle=x"), ("--modle: zofo score", "did you mean --model?")),
                            (("finetune", "--model", "x", "--task", "y", "--out", "z", "--max-stps", 3), ("did you mean --max-steps?",)),
                            (("finetune", "--learning-rate", 1), ("--zo-learning-rate", "--lower-learning-rate")),
                            (("finetune", "--epoch", 1, "--sed", 2), ("--epoch: ", "did you mean --epochs?", "did you mean --seed?")),
                            (("score", "--model", "x", "--" + "a" * 5000), ("has no such option",)),
                            (("score", "--model", "x", "more"), ("more: not expected", "only options"))):
            with self.subTest(line[:2]):
                self.refused(zofo(*line), *parts)
        config = self.here / "options.toml"
        config.write_text("batch_sise = 3\n")
        self.refused(self.finetune(self.here / "run", "--config", config), "options.toml:1: batch_sise: no such option",
                     "did you mean batch_size?")

    def test_old_names_are_not_suggested(self):
        self.assertNotIn("--theta-rate", zofo("finetune", "--theta-rat", 1).err)


class CommandLine(Case):
    def test_wrong_lines_are_refused_by_name(self):
        self.refused(zofo("train"), "train: no such command", "the nearest are")
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
