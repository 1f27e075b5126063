#!/usr/bin/env python3
"""LoRA, prefix and prompt adapters as Hugging Face's peft library saves them, for the checkpoints of hub_torch.py.

peft_hub.py [NAME...]   writes tests/golden/hub_peft/NAME/{adapter_config.json, adapter_model.safetensors, logits.json}
peft_hub.py --check FOLDER NAME
                        loads FOLDER with PeftModel.from_pretrained on the checkpoint of NAME and compares each tensor,
                        bit for bit, and the logits with those of tests/golden/hub_peft/NAME

Runs on the CPU; pip install torch transformers peft. All factors are random, B's too. Logits are in float64.
"""
import argparse
import json
import pathlib
import shutil
import zlib

import torch
from peft import LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from hub_torch import FOLDER as HUB
from hub_torch import TOKENS

FOLDER = HUB.parent / "hub_peft"
LORA = {"lora_dropout": 0.1, "task_type": "CAUSAL_LM"}

# name: (checkpoint, config)
CASES = {
    "llama-lora": ("llama", LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "k_proj", "v_proj", "down_proj"], **LORA)),
    "qwen2-rslora": ("qwen2", LoraConfig(r=4, lora_alpha=4, use_rslora=True,
                                         target_modules=["q_proj", "o_proj", "gate_proj", "up_proj"], **LORA)),
    "opt-lora": ("opt", LoraConfig(r=2, lora_alpha=3, target_modules=["q_proj", "k_proj", "out_proj", "fc1", "fc2"], **LORA)),
    # What else configs say about which modules are adapted, and how. The order of a pattern's keys counts.
    "llama-patterns": ("llama", LoraConfig(
        r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "down_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 5, "v_proj": 4, r".*\.0\..*(q|v)_proj": 2, "q_proj": 1}, alpha_pattern={"v_proj": 9, "down_proj": 1.5}, **LORA)),
    "qwen2-patterns-rslora": ("qwen2", LoraConfig(
        r=4, lora_alpha=4, use_rslora=True, target_modules=["q_proj", "k_proj", "o_proj", "up_proj"],
        rank_pattern={"k_proj": 1, "up_proj": 6}, alpha_pattern={r"layers\.[1-9]\.mlp\..*": 2}, **LORA)),
    "llama-layers": ("llama", LoraConfig(r=2, lora_alpha=5, target_modules=["q_proj", "gate_proj", "model.layers.0.self_attn.o_proj"],
                                         layers_to_transform=[1], layers_pattern="layers", **LORA)),
    "llama-regex": ("llama", LoraConfig(r=2, lora_alpha=3, target_modules=r".*\.(?:self_attn\.(?P<part>q|v)|mlp\.(?!down)\w+)_proj",
                                        exclude_modules=r".*\.0\.self_attn\.v_proj", **LORA)),
    "opt-paths": ("opt", LoraConfig(r=2, lora_alpha=2, target_modules=["model.decoder.layers.1.fc1", "self_attn.out_proj", "v_proj"],
                                    exclude_modules=["layers.0.self_attn.out_proj"], **LORA)),
    "qwen2-all-linear": ("qwen2", LoraConfig(r=1, lora_alpha=2, target_modules="all-linear", **LORA)),
    "qwen2-dora": ("qwen2", LoraConfig(r=2, lora_alpha=4, use_dora=True, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "down_proj"],
                                       rank_pattern={"o_proj": 1}, **LORA)),
    "llama-dora-head": ("llama", LoraConfig(r=2, lora_alpha=4, use_dora=True, target_modules=["q_proj", "up_proj"],
                                            modules_to_save=["lm_head"], **LORA)),
    "llama-saved": ("llama", LoraConfig(r=2, lora_alpha=2, target_modules=["v_proj"], modules_to_save=["embed_tokens", "lm_head"], **LORA)),
    "phi3-lora": ("phi3", LoraConfig(r=2, lora_alpha=3, target_modules=["qkv_proj", "o_proj", "gate_up_proj"],
                                     rank_pattern={"gate_up_proj": 1}, layers_to_transform=[1], **LORA)),
    "phi3-dora": ("phi3", LoraConfig(r=1, lora_alpha=3, use_dora=True, target_modules=["qkv_proj"], **LORA)),
    "llama-prefix": ("llama", PrefixTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")),
    "opt-prefix": ("opt", PrefixTuningConfig(num_virtual_tokens=2, task_type="CAUSAL_LM")),
    "llama-prompt": ("llama", PromptTuningConfig(num_virtual_tokens=3, task_type="CAUSAL_LM")),
}


# Of the first adapters, whose files stay as they are.
SEEDS = {"llama-lora": 100, "qwen2-rslora": 101, "opt-lora": 102, "llama-prefix": 103, "opt-prefix": 104, "llama-prompt": 105}


def base_of(name):
    return AutoModelForCausalLM.from_pretrained(HUB / CASES[name][0], dtype=torch.float64, attn_implementation="eager")


def logits_of(model):
    with torch.no_grad():
        return model.eval()(input_ids=torch.tensor([TOKENS])).logits[0][-len(TOKENS):]


def write(name, seed):
    base, config = CASES[name]
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(HUB / base, dtype=torch.float32), config)
    generator = torch.Generator().manual_seed(SEEDS.get(name, seed))
    for key, weight in model.named_parameters():
        if weight.requires_grad:
            noise = torch.randn(weight.shape, generator=generator)
            if "magnitude" in key:
                weight.data *= 1 + noise / 4
            elif "modules_to_save" in key:
                weight.data += noise / 4
            else:
                weight.data = noise / (4 if "lora" in key else 1)
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    saved = json.loads((folder / "adapter_config.json").read_text())
    saved["base_model_name_or_path"] = f"hub/{base}"  # the script's own folders are nobody's business
    for field in ("target_modules", "exclude_modules"):
        if isinstance(saved.get(field), list):
            saved[field].sort()  # a set in peft: another order every time
    for field in ("rank_pattern", "alpha_pattern"):
        if saved.get(field):  # peft sorts the keys, and takes the first that matches
            saved[field] = {key: getattr(config, field)[key] for key in getattr(config, field)}
    if config.peft_type == "LORA" and name == "qwen2-all-linear":
        saved["target_modules"] = "all-linear"  # peft writes the list, and reads both
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=2) + "\n")
    logits = logits_of(PeftModel.from_pretrained(base_of(name), folder).double())
    rows = [[round(x, 7) for x in row] for row in logits.tolist()]
    (folder / "logits.json").write_text(json.dumps({"tokens": TOKENS, "logits": rows}) + "\n")
    with torch.no_grad():
        moved = (logits - logits_of(base_of(name))).abs().max()
    print(f"{name}: the adapter moves a logit by up to {moved:.2f}")


def check(folder, name):
    golden = load_file(FOLDER / name / "adapter_model.safetensors")
    tensors = load_file(pathlib.Path(folder) / "adapter_model.safetensors")
    same = golden.keys() == tensors.keys() and all(torch.equal(golden[key], tensors[key]) for key in golden)
    model = PeftModel.from_pretrained(base_of(name), folder).double()
    expected = torch.tensor(json.loads((FOLDER / name / "logits.json").read_text())["logits"], dtype=torch.float64)
    difference = (logits_of(model) - expected).abs().max()
    print(f"{folder}: tensors {'equal' if same else 'DIFFER'}, largest difference of a logit {difference:.3g}")
    return 0 if same and difference < 1e-5 else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="cases; default: all")
    parser.add_argument("--check", nargs=2, metavar=("FOLDER", "NAME"))
    arguments = parser.parse_args()
    if arguments.check:
        raise SystemExit(check(*arguments.check))
    for name in CASES:
        if not arguments.names or name in arguments.names:
            write(name, zlib.crc32(name.encode()))


if __name__ == "__main__":
    main()
