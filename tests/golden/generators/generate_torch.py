#!/usr/bin/env python3
"""Greedy tokens that transformers' generate() writes with the checkpoints of tests/golden/hub.

generate_torch.py       writes tests/golden/generate.json

Runs on the CPU in float64; pip install torch transformers safetensors. Prompts are random tokens of several lengths. One
whose text has a step where the two highest logits are closer than GAP is left out, so that float32's rounding (some
1e-6 of these logits) changes no token; `gap` is the smallest that is left. Texts end at the checkpoint's eos token, which
is written as their last, or after NEW tokens.
"""
import json
import pathlib

import torch
from hub_torch import CASES, FOLDER
from transformers import AutoModelForCausalLM

NEW = 24
LENGTHS = (1, 3, 14, 7, 30, 2, 19)
GAP = 2e-3


def text_after(model, prompt):
    """The written tokens and the smallest gap between the two highest logits on the way."""
    made = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                          max_new_tokens=NEW, do_sample=False, use_cache=True, eos_token_id=2, pad_token_id=2,
                          output_logits=True, return_dict_in_generate=True)
    gaps = [float(-top[0, :2].diff()) for top in (step.topk(2).values for step in made.logits)]
    return made.sequences[0, len(prompt):].tolist(), min(gaps)


def case(name, generator):
    model = AutoModelForCausalLM.from_pretrained(FOLDER / name, dtype=torch.float64, attn_implementation="eager").eval()
    texts, smallest, tries = [], float("inf"), 0
    for length in LENGTHS:
        while True:
            tries += 1
            prompt = torch.randint(3, 64, (length,), generator=generator).tolist()
            written, gap = text_after(model, prompt)
            if gap > GAP:
                break
        texts.append({"prompt": prompt, "written": written})
        smallest = min(smallest, gap)
    print(f"{name}: smallest gap {smallest:.4f}, {tries} prompts for {len(texts)}, "
          f"{sum(t['written'][-1] == 2 for t in texts)} end at eos")
    return {"name": name, "gap": round(smallest, 6), "texts": texts}


def main():
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        cases = [case(name, generator) for name in CASES]
    lines = ",\n".join(json.dumps(each) for each in cases)
    (FOLDER.parent / "generate.json").write_text(f'{{"new": {NEW}, "eos": 2, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
