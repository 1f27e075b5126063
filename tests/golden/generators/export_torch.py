#!/usr/bin/env python3
"""What `zofo export` writes of a finished run, loaded by transformers and peft and compared with `zofo score`.

export_torch.py PATH_OF_ZOFO

Makes the tiny model, fine-tunes it a few steps and exports the run as a folder with the adapter beside it, as a merged
folder (f32, bf16), as merged GGUF files (f32, q8_0; transformers reads them through the gguf package) and as an adapter
alone. Sums of log-probabilities of every option after every prompt must be those of `zofo score --run` to 1e-4 in f32,
to the storage's rounding otherwise; the adapter's B·A, scaled, must be what the merged weights differ by.

Runs on the CPU; pip install torch transformers peft gguf.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

REQUESTS = [("a superb stone", [" no", " yes"]), ("dull cloud paper", [" yes", " no"]), ("best field", [" worst", " fine"])]


class Zofo:
    def __init__(self, program):
        self.program = program

    def __call__(self, *arguments, stdin=""):
        return subprocess.run([self.program, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=True).stdout

    def ids(self, model, text):
        return json.loads(self("tokenize", "--model", model, stdin=text + "\n"))

    def scores(self, model, *arguments):
        lines = "".join(json.dumps({"prompt": p, "options": o}) + "\n" for p, o in REQUESTS)
        return [json.loads(line)["logprobs"] for line in self("score", "--model", model, *arguments, stdin=lines).splitlines()]


def scores_of(model, ids):
    """Summed log-probabilities of each option's tokens after its prompt."""
    rows = []
    for prompt, options in REQUESTS:
        row = []
        for option in options:
            start, end = ids(prompt), ids(option)
            with torch.no_grad():
                log_p = model(input_ids=torch.tensor([start + end])).logits[0].double().log_softmax(-1)
            row.append(sum(log_p[len(start) - 1 + i, token].item() for i, token in enumerate(end)))
        rows.append(row)
    return rows


def main():
    zofo = Zofo(sys.argv[1])
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        here = pathlib.Path(folder)
        zofo("demo", "--tiny", "--max-seconds", 0.1, "--out", here / "demo")
        source, run = here / "demo" / "tiny.gguf", here / "run"
        zofo("finetune", "--model", source, "--task", here / "demo" / "tiny_task", "--out", run, "--max-steps", 20)
        expected = zofo.scores(source, "--run", run)
        plain = zofo.scores(source)

        def compare(what, model, tolerance):
            nonlocal failed
            got = scores_of(model.eval(), lambda text: zofo.ids(source, text))
            off = max(abs(a - b) for x, y in zip(got, expected) for a, b in zip(x, y))
            failed |= not off < tolerance
            print(f"{what}: off by {off:.3g} ({tolerance:g} allowed)")

        def export(name, *arguments):
            zofo("export", "--model", source, "--run", run, "--out", here / name, *arguments)
            return here / name

        moved = max(abs(a - b) for x, y in zip(plain, expected) for a, b in zip(x, y))
        print(f"the run moves a score by up to {moved:.3g}")
        load = lambda path, **more: AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, **more)  # noqa: E731
        beside = export("beside")
        compare("folder and adapter", PeftModel.from_pretrained(load(beside), beside / "adapter"), 1e-4)
        merged = load(export("merged", "--merge"))
        compare("merged folder, f32", merged, 1e-4)
        compare("merged folder, bf16", load(export("narrow", "--merge", "--dtype", "bf16")), 0.1)
        for dtype, tolerance in (("f32", 1e-4), ("q8_0", 0.1)):
            export(f"{dtype}.gguf", "--merge", "--format", "gguf", "--dtype", dtype)
            compare(f"merged GGUF, {dtype}", load(here, gguf_file=f"{dtype}.gguf"), tolerance)
        alone = export("alone", "--format", "peft", "--without-backbone")
        adapted = PeftModel.from_pretrained(load(beside), alone)
        compare("adapter alone", adapted, 1e-4)
        after, largest = merged.state_dict(), 0.0
        adapted = adapted.merge_and_unload().state_dict()
        for name, weight in adapted.items():
            largest = max(largest, (weight - after[name]).abs().max().item())
        failed |= not largest < 1e-6
        print(f"weights that peft merged differ from those that zofo merged by {largest:.3g}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
