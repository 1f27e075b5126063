#!/usr/bin/env python3
"""What the logits processors of transformers leave of random logits.

sampling_torch.py       writes tests/golden/sampling.json

Runs on the CPU in float32; pip install torch transformers. The processors are those that generate() makes of a
GenerationConfig, in its order. Each case has logits, the tokens so far, the options, and the ids that are left with their
probabilities. Random logits whose result in float64 differs, or comes close to a limit, are sampled again, so that rounding
decides nothing. The cases with equal logits are exact in binary or depend on the rounding of float32 as transformers has
it; there torch.sort must be stable, as it is documented to be only when asked: it is asked here.
"""
import json
import pathlib

import torch
from transformers import LogitsProcessorList, MinPLogitsWarper, RepetitionPenaltyLogitsProcessor
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

FILE = pathlib.Path(__file__).parent.parent / "sampling.json"
CLOSE = 1e-4
OPTIONS = (
    {}, {"temperature": 0.7}, {"temperature": 3.0}, {"top_k": 1}, {"top_k": 5}, {"top_k": 1000}, {"top_p": 0.9},
    {"top_p": 0.3}, {"top_p": 0.0}, {"top_p": 1.0}, {"min_p": 0.1}, {"min_p": 1.0}, {"min_p": 0.0},
    {"repetition_penalty": 1.3}, {"repetition_penalty": 0.8}, {"temperature": 0.5, "top_k": 8, "top_p": 0.8},
    {"temperature": 1.5, "top_p": 0.95, "min_p": 0.05},
    {"temperature": 0.8, "top_k": 12, "top_p": 0.9, "min_p": 0.1, "repetition_penalty": 1.2},
)
stable_sort = torch.sort
torch.sort = lambda x, descending=False: stable_sort(x, descending=descending, stable=True)


def processors(options):
    """As GenerationMixin._get_logits_processor with do_sample=True."""
    made = LogitsProcessorList()
    if options.get("repetition_penalty", 1.0) != 1.0:
        made.append(RepetitionPenaltyLogitsProcessor(options["repetition_penalty"]))
    if options.get("temperature", 1.0) != 1.0:
        made.append(TemperatureLogitsWarper(options["temperature"]))
    if options.get("top_k", 0) != 0:
        made.append(TopKLogitsWarper(options["top_k"]))
    if options.get("top_p", 1.0) < 1.0:
        made.append(TopPLogitsWarper(options["top_p"]))
    if "min_p" in options:
        made.append(MinPLogitsWarper(options["min_p"]))
    return made


def left(options, tokens, logits):
    scores = processors(options)(torch.tensor([tokens]), logits[None].clone())[0]
    ids = torch.isfinite(scores).nonzero()[:, 0].tolist()
    return ids, scores.softmax(-1)[ids].tolist()


def is_clear(options, tokens, logits):
    """Whether options a little larger and smaller, in float64, leave the same."""
    ids = left(options, tokens, logits)[0]
    for change in (-CLOSE, CLOSE):
        moved = {k: min(max(v + change, 0.0), 1.0) if k in ("top_p", "min_p") and 0 < v < 1 else v for k, v in options.items()}
        if left(moved, tokens, logits.double())[0] != ids:
            return False
    return True


def case(options, tokens, logits):
    ids, probabilities = left(options, tokens, logits)
    return {"options": options, "tokens": tokens, "logits": logits.tolist(), "ids": ids,
            "probabilities": [float(f"{p:.7g}") for p in probabilities]}


def random_cases(generator):
    for options in OPTIONS:
        for vocabulary, scale in ((7, 1.0), (40, 3.0)):
            while True:
                # Few digits keep the file small.
                logits = torch.round(scale * torch.randn(vocabulary, generator=generator) * 256) / 256
                tokens = torch.randint(vocabulary, (6,), generator=generator).tolist()
                if len(set(logits.tolist())) == vocabulary and is_clear(options, tokens, logits):
                    break
            yield case(options, tokens, logits)


def equal_cases():
    """Logits with equal ones at the limits."""
    equal = torch.zeros(4)
    ten = torch.full((10,), -2.5)
    steps = torch.tensor([1.0, 3.0, 2.0, 3.0, 2.0, 1.0, 2.0, -1.0])
    for logits in (equal, ten, steps):
        for options in ({"top_k": 1}, {"top_k": 3}, {"top_k": 5}, {"top_p": 0.0}, {"top_p": 0.25}, {"top_p": 0.5},
                        {"top_p": 0.75}, {"top_p": 0.9}, {"top_p": 0.1}, {"min_p": 1.0}, {"top_k": 3, "top_p": 0.5},
                        {"temperature": 0.25, "top_k": 2, "top_p": 0.5, "min_p": 1.0}):
            yield case(options, [0], logits)
    for count in (3, 6, 7):
        for kept in range(1, count):
            yield case({"top_p": kept / count}, [0], torch.zeros(count))
    yield case({"repetition_penalty": 2.0}, [0, 0, 1, 2, 2, 2], torch.tensor([1.0, -1.0, 0.0, 0.5, 0.5]))
    yield case({"repetition_penalty": 2.0, "top_k": 2}, [0], torch.tensor([1.0, 0.5, 0.5, -4.0]))
    yield case({"top_p": 0.9}, [0], torch.tensor([0.0, 1.0, float("-inf"), 2.0]))


def main():
    generator = torch.Generator().manual_seed(11)
    cases = [*random_cases(generator), *equal_cases()]
    lines = ",\n".join(json.dumps(each).replace("-Infinity", '"-inf"') for each in cases)
    FILE.write_text(f"[\n{lines}\n]\n")
    print(f"{len(cases)} cases, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
