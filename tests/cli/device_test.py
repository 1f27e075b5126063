"""Devices and precisions: what was asked for and cannot be had is refused before anything is made; "auto" works anywhere."""

import json
import subprocess
import unittest

import program
from program import Case


def card() -> bool:
    """True where the driver shows a card."""
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True).stdout.startswith("GPU")
    except OSError:
        return False


class Devices(Case):
    def test_devices_and_precisions_that_do_not_exist(self):
        run = self.here / "run"
        self.refused(self.finetune(run, "--device", "gpu"), "device", "gpu", "auto, cpu, cuda")
        self.refused(self.finetune(run, "--precision", "fp16"), "precision", "fp16", "auto, bf16, fp32")
        self.refused(self.finetune(run, "--device", "cpu", "--precision", "bf16"), "precision", "fp32")
        self.refused(self.finetune(run, "--device", "cpu", "--memory-plan"), "memory-plan", "cuda")
        self.assertFalse(run.exists())

    @unittest.skipIf(card(), "there is a card here")
    def test_a_card_that_is_not_there(self):
        run = self.here / "run"
        self.refused(self.finetune(run, "--device", "cuda"), 'device = "cuda"')
        self.refused(self.finetune(run, "--precision", "bf16"), 'precision = "bf16"', "GPU")
        self.assertFalse(run.exists())

    @unittest.skipIf(card(), "there is a card here")
    def test_auto_takes_the_cpu_and_says_so_in_the_record(self):
        run = self.here / "run"
        self.good(self.finetune(run))
        options = (run / "options.toml").read_text()
        self.assertIn("device = 'cpu'", options)
        self.assertIn("precision = 'fp32'", options)
        self.assertGreater(json.loads((run / "result.json").read_text())["methods"][0]["rows"], 0)


if __name__ == "__main__":
    program.main()
