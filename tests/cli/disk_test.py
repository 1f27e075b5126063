"""A disk that refuses: exit 2, the file named, what was written before kept."""

import os
import resource
import subprocess
import unittest

import program
from program import Case, zofo

REQUEST = '{"prompt": " stone :", "options": [" no", " yes"]}\n'


class FullDisk(Case):
    def disk(self, size: str):
        """A file system of `size`; root's alone to make."""
        place = self.here / "disk"
        place.mkdir()
        made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True,
                              check=False)
        if made.returncode != 0:
            self.skipTest(f"no small file system here: {made.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        return place

    def check_cut_short(self, run, result, reason):
        self.assertEqual(result.code, 2, result.err)
        self.assertRegex(result.err, rf"zofo: error: .*{run}/(metrics|trajectory)\.jsonl: write failed: {reason}")
        self.assertFalse((run / "done").exists())
        self.assertIn("method = 'bilevel'", (run / "options.toml").read_text())
        self.assertIn('"event":"step","', (run / "metrics.jsonl").read_text())

    def test_finetune_until_the_disk_is_full(self):
        run = self.disk("96k") / "run"
        self.check_cut_short(run, self.finetune(run, "--max-steps", 5000, "--batch-size", 2), "No space left on device")

    def test_finetune_on_a_disk_full_from_the_start(self):
        place = self.disk("4k")
        (place / "filler").write_bytes(b"x" * 4096)
        result = self.finetune(place / "run", "--curve-points", 0)
        self.refused(result, "run/", "No space left on device")

    def test_demo(self):
        folder = self.disk("64k") / "demo"
        self.refused(zofo("demo", "--tiny", "--max-seconds", 0.1, "--out", folder), str(folder / "tiny.gguf"))

    def test_a_limit_on_the_size_of_files(self):
        """What a test without root can do: the system refuses a file's bytes past the limit."""
        run = self.here / "run"
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
        # Python ignores SIGXFSZ and so does, with restore_signals off, its child: the write fails instead.
        result = self.finetune(run, "--max-steps", 5000, "--batch-size", 2, preexec_fn=limit, restore_signals=False)
        self.check_cut_short(run, result, "File too large")


@unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
class FullOutput(Case):
    """Standard output is /dev/full."""

    def full(self, *arguments, **options):
        with open("/dev/full", "wb") as full:
            self.refused(zofo(*arguments, stdout=full, **options), "standard output")

    def test_every_command(self):
        self.full("tokenize", "--model", self.model, stdin="stone\n")
        self.full("tokenize", "--model", self.model, stdin="stone\n" * 5000)
        self.full("score", "--model", self.model, stdin=REQUEST)
        place = ("--model", self.model, "--task", self.task)
        self.full("evaluate", *place)
        self.full("evaluate", "--json", *place)
        self.full("finetune", *place, "--max-steps", 2, "--out", self.here / "run")
        self.full("finetune", *place, "--max-steps", 2, "--json", "--out", self.here / "json")
        self.full("demo", "--tiny", "--max-seconds", 0.1, "--out", self.here / "demo")


class ClosedOutput(Case):
    """Standard input, output or error was closed by the caller: no file of the program gets its number."""

    def test_messages_are_written_into_no_file(self):
        for number in (2, 1, 0):
            run = self.here / f"run{number}"
            result = self.finetune(run, preexec_fn=lambda: os.close(number))  # noqa: B023
            if number == 1:
                self.refused(result, "standard output")
            else:
                self.good(result)
            for row in program.rows(run / "metrics.jsonl"):
                self.assertIn("event", row)

    def test_input_that_is_closed_is_no_file_either(self):
        self.refused(zofo("predict", "-", "--model", self.model, "--task", self.task, preexec_fn=lambda: os.close(0)), "stdin")


if __name__ == "__main__":
    program.main()
