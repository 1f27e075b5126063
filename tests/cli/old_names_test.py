"""Option names of earlier releases: flags, TOML files and run folders accept them, each use with its hint."""

import json
import re
import tomllib
import unittest
from pathlib import Path

import program
from program import Case, zofo

HEADER = Path(__file__).resolve().parents[2] / "include/zofo/config/renamed_options.hpp"
ACCEPTED = "(the old name is accepted in this release)"
# Old and new flags of commands whose options are not those of a run.
COMMANDS = {
    "adapt": {"draws": "num-seeds", "rate": "learning-rate", "steps": "max-steps", "batch": "batch-size",
              "validation-rows": "max-eval-samples", "max-tokens": "max-prompt-tokens", "lora-targets": "lora-target-modules"},
    "generate": {"max-tokens": "max-new-tokens", "batch": "batch-size"},
    "evaluate": {"rows": "max-eval-samples"},
    "compare": {"seconds": "max-seconds", "passes": "max-forward-passes", "rows": "max-eval-samples"},
    "demo": {"seconds": "max-seconds"},
}


def renamed() -> dict:
    """The program's table of options: old name -> new name."""
    table = HEADER.read_text().partition("renamed_options{{")[2].partition("}};")[0]
    return dict(re.findall(r'\{"(\w+)", "(\w+)"\}', table))


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def hint(old: str, new: str) -> str:
    return f"zofo: {old}: renamed to {new} {ACCEPTED}"


def hints_of(result) -> list:
    return [line for line in result.err.splitlines() if ACCEPTED in line]


def value_of(text: str) -> str:
    """An option's value in options.toml as the command line takes it."""
    value = tomllib.loads(f"x = {text}")["x"]
    return str(value).lower() if isinstance(value, bool) else str(value)


class OldNames(Case):
    def setUp(self):
        super().setUp()
        self.run_folder = self.here / "run"
        self.good(self.finetune(self.run_folder, "--max-steps", 2, "--save-steps", 1))
        self.lines = dict(line.split(" = ", 1) for line in (self.run_folder / "options.toml").read_text().splitlines())

    def with_old_names(self, text: str) -> str:
        for old, new in renamed().items():
            text = re.sub(rf"(?m)^{new} = ", f"{old} = ", text)
        return text.replace("'persistent'", "'kept'").replace("'q_proj,v_proj'", "'q,v'")

    def test_the_table_is_that_of_this_test(self):
        table = renamed()
        self.assertEqual(len(table), 34)
        self.assertLessEqual(set(table.values()), set(self.lines))
        self.assertFalse(set(table) & set(self.lines))

    def absent(self, *arguments):
        """A fine-tuning of a model that does not exist: it ends once its options are read."""
        bound = () if any(str(each).startswith(("--max-steps", "--steps")) for each in arguments) else ("--max-steps", 3)
        return zofo("finetune", "--model", self.here / "absent.gguf", "--task", self.task, "--out", self.here / "no", *bound,
                    *arguments)

    def test_flags_of_a_run(self):
        """Each old flag is accepted, with its hint."""
        for old, new in renamed().items():
            with self.subTest(old):
                value = value_of(self.lines[new])
                result = self.absent(f"{flag(old)}={value}")
                self.refused(result, "absent.gguf")
                self.assertEqual(hints_of(result), [hint(flag(old), flag(new))])
                both = self.absent(f"{flag(old)}={value}", f"{flag(new)}={value}")
                self.refused(both, f"{flag(old)}: the old name of {flag(new)}, which is given too")
        result = self.absent("--no-one-sided")
        self.assertEqual(hints_of(result), [hint("--no-one-sided", "--no-forward-difference")])
        self.refused(self.absent("--steps", "many"), "--steps", "many")
        self.refused(self.absent("--batch", -1), "--batch", "-1")

    def test_an_old_flag_has_its_effect(self):
        run = self.here / "old"
        result = self.good(zofo("finetune", "--model", self.model, "--task", self.task, "--out", run, "--steps", 1, "--batch", 4,
                                "--theta-rate", 1e-5, "--outer", "scalar-adam", "--lora-targets", "k,o", "--no-upper-with-lower"))
        self.assertEqual(hints_of(result), [
            f'zofo: outer_optimizer = "scalar-adam": renamed to "rms-scalar" {ACCEPTED}',
            hint("--no-upper-with-lower", "--no-upper-every-inner-step"), hint("--outer", "--outer-optimizer"),
            hint("--theta-rate", "--zo-learning-rate"), hint("--batch", "--batch-size"), hint("--steps", "--max-steps"),
            hint("--lora-targets", "--lora-target-modules")])
        used = tomllib.loads((run / "options.toml").read_text())
        wanted = {"max_steps": 1, "batch_size": 4, "zo_learning_rate": 1e-5, "outer_optimizer": "rms-scalar",
                  "lora_target_modules": "k_proj,o_proj", "upper_every_inner_step": False}
        self.assertEqual({name: used[name] for name in wanted}, wanted)

    def test_a_file(self):
        file = self.here / "old.toml"
        text = self.with_old_names((self.run_folder / "options.toml").read_text())
        file.write_text(text)
        result = self.good(self.finetune(self.here / "again", "--config", file))
        where = {name: number for number, name in enumerate((line.split(" = ")[0] for line in text.splitlines()), 1)}
        wanted = [hint(f"{file}:{where[old]}: {old}", new) for old, new in renamed().items()]
        wanted.append(f'zofo: {file}:{where["adapters"]}: adapters = "kept": renamed to "persistent" {ACCEPTED}')
        self.assertEqual(sorted(hints_of(result)), sorted(wanted))
        for name in ("options.toml", "trajectory.jsonl"):
            self.assertEqual((self.here / "again" / name).read_bytes(), (self.run_folder / name).read_bytes())

    def test_a_run_folder(self):
        """A folder of an earlier release: replayed, evaluated and resumed as one of today's."""
        run = self.run_folder
        options = run / "options.toml"
        new_text = options.read_text()
        old_text = self.with_old_names(new_text)
        self.assertNotIn("max_steps", old_text)
        before = self.good(self.evaluate("--run", run)).json()
        options.write_text(old_text)
        after = self.good(self.evaluate("--run", run)).json()
        self.assertEqual({name: before[name] for name in ("loss", "accuracy", "rows")},
                         {name: after[name] for name in ("loss", "accuracy", "rows")})
        replayed = self.good(zofo("replay", "--model", self.model, "--run", run))
        self.assertEqual(len(hints_of(replayed)), 1)
        self.assertRegex(hints_of(replayed)[0], r"; 34 more old names in this folder$")
        resumed = self.good(zofo("finetune", "--resume", run, "--steps", 4))
        self.assertEqual(len(hints_of(resumed)), 2)
        self.assertIn(hint("--steps", "--max-steps"), hints_of(resumed))
        self.assertEqual(tomllib.loads(options.read_text())["max_steps"], 4)

    def test_flags_of_other_commands(self):
        for command, names in COMMANDS.items():
            text = self.good(zofo(command, "--help")).out
            for old, new in names.items():
                with self.subTest(command, flag=old):
                    self.assertNotRegex(text, rf"--{old}\b(?!-)")
                    self.assertRegex(text, rf"--{new}\b")
                    needed = {"adapt": ("--task", "x", "--shots", 1), "evaluate": ("--task", "x"), "generate": ("--prompt", "a"),
                              "compare": ("--out", "no"), "demo": ("--out", self.here / "none" / "no")}[command]
                    line = (command, "--model", self.here / "absent.gguf", *needed, f"--{old}=1")
                    result = zofo(*line)
                    self.assertEqual(result.code, 2)
                    self.assertEqual(hints_of(result), [hint(f"--{old}", f"--{new}")])
                    self.refused(zofo(*line, f"--{new}=1"), f"--{old}: the old name of --{new}")

    def test_help_does_not_list_old_names(self):
        text = self.good(zofo("finetune", "--help")).out
        for old in renamed():
            self.assertNotRegex(text, rf"(?<![\w-]){flag(old)}(?![\w-])")

    def test_a_comparison(self):
        plan = self.here / "plan.toml"
        plan.write_text(f'model = "{self.model}"\ntasks = ["{self.task}"]\nmethods = ["lora"]\nseeds = [0]\nseconds = 300\n'
                        '[set]\nsteps = 2\n[set.lora]\nlower_rate = 0.01\n')
        out = self.here / "compared"
        result = self.good(zofo("compare", "--config", plan, "--device", "cpu", "--out", out, "--set", "batch=4"))
        self.assertEqual(sorted(hints_of(result)), sorted([
            hint(f"{plan}:5: seconds", "max_seconds"), hint(f"{plan}:7: steps", "max_steps"),
            hint(f"{plan}:9: lora.lower_rate", "lower_learning_rate"), hint("set batch", "batch_size")]))
        saved = json.loads((out / "plan.json").read_text())
        self.assertEqual(saved["max_seconds"], 300)
        options = saved["methods"]["lora"]["options"]
        self.assertEqual((options["max_steps"], options["batch_size"]), ("2", "4"))
        # The folder of an earlier release: the same command finds nothing to do.
        saved["seconds"] = saved.pop("max_seconds")
        options["steps"] = options.pop("max_steps")
        (out / "plan.json").write_text(json.dumps(saved))
        self.good(zofo("compare", "--config", plan, "--device", "cpu", "--out", out, "--set", "batch=4"))
        plan.write_text(plan.read_text().replace("steps = 2", "steps = 2\nmax_steps = 2"))
        self.refused(zofo("compare", "--config", plan, "--out", out), "plan.toml:7: steps: the old name of max_steps")


if __name__ == "__main__":
    program.main()
