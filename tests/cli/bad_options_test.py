"""Options out of range, and run folders that exist: refused before anything is made or touched."""

import os
import unittest

import program
from program import Case


def contents(folder) -> dict:
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class BadOptions(Case):
    def test_the_field_and_its_value_are_named(self):
        run = self.here / "run"
        for flag, values in (
            ("--lower-learning-rate", ("nan", "inf", "-inf", "-0.1", "11")),
            ("--upper-learning-rate", ("nan", "inf", "-1")),
            ("--zo-learning-rate", ("nan", "-nan", "inf", "-1")),
            ("--inner-steps", ("0", "1000001")),
            ("--zo-eps", ("0", "nan", "-0.001", "2")),
            ("--penalty", ("nan", "-1", "inf")),
            ("--num-directions", ("0", "5000")),
            ("--batch-size", ("0", "70000")),
            ("--max-seconds", ("nan", "-1", "inf")),
            ("--epochs", ("nan", "-1", "inf", "10000000")),
            ("--lora-rank", ("0", "5000")),
            ("--lora-alpha", ("0", "nan")),
            ("--curve-samples", ("1000001",)),
            ("--seed", ("9223372036854775808",)),
            ("--method", ("sgd", "Bilevel")),
            ("--direction", ("uniform",)),
        ):
            for value in values:
                with self.subTest(flag, value=value):
                    field = flag[2:].replace("-", "_")
                    result = self.finetune(run, "--max-steps", 3, f"{flag}={value}")
                    if value.lstrip("-")[:3] in ("nan", "inf"):
                        self.refused(result, f"{field} = {value}", "finite")
                    else:
                        self.refused(result, f"{field} = ", value)
        for targets in ("", "x", "q,,v", "q,q"):
            self.refused(self.finetune(run, f"--lora-target-modules={targets}"), "target")
        self.assertFalse(run.exists())

    def test_values_that_are_no_numbers_of_their_kind(self):
        whole = ("-1", "1.5", "4294967296", "18446744073709551616", "0x10", "010", "+1", " 1", "1 ", "1_0", "1e3", "")
        real = ("fast", "", "1e400", "-1e400", "1e-400", "0x10", " 1", "1 ", "+1", "1x")
        cases = [("--inner-steps", value) for value in whole] + [("--lower-learning-rate", value) for value in real]
        for flag, value in [*cases, ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--seed", "0x10"), ("--method", "")]:
            with self.subTest(flag, value=value):
                self.refused(self.finetune(self.here / "run", f"{flag}={value}"), flag)
        self.assertFalse((self.here / "run").exists())


class RunFolders(Case):
    def test_a_name_with_a_slash_at_its_end(self):
        run = self.here / "new" / "run"
        self.good(self.finetune(f"{run}/"))
        self.assertTrue((run / "done").is_file())
        self.refused(self.finetune(f"{run}//"), str(run), "exists")
        dangling = self.here / "dangling"
        dangling.symlink_to(self.here / "nowhere")
        self.refused(self.finetune(f"{dangling}/"), str(dangling), "exists")

    def test_an_existing_folder_stays_as_it_is(self):
        run = self.here / "run"
        self.good(self.finetune(run))
        before = contents(self.here)
        for method in ("bilevel", "lora", "mezo"):
            self.refused(self.finetune(run, "--method", method, "--seed", 1), str(run), "exists")
        self.assertEqual(contents(self.here), before)

    def test_an_empty_folder_a_file_and_a_link_stay_too(self):
        empty, file, link = self.here / "empty", self.here / "file", self.here / "link"
        empty.mkdir()
        file.write_text("kept")
        link.symlink_to(self.here / "nowhere")
        for out in (empty, file, link):
            self.refused(self.finetune(out), str(out), "exists")
        self.assertEqual((list(empty.iterdir()), file.read_text(), link.is_symlink()), ([], "kept", True))
        self.assertFalse((self.here / "nowhere").exists())
        self.refused(self.finetune(file / "run"), str(file))
        self.refused(self.finetune(""), "out")

    def test_a_bad_model_leaves_an_existing_folder_alone(self):
        empty = self.here / "empty"
        empty.mkdir()
        self.refused(self.finetune(empty, model=self.here / "absent"), str(empty))
        self.assertTrue(empty.is_dir())

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_place_that_may_not_be_written(self):
        self.here.chmod(0o500)
        self.addCleanup(self.here.chmod, 0o700)
        self.refused(self.finetune(self.here / "run"), str(self.here / "run"))


if __name__ == "__main__":
    program.main()
