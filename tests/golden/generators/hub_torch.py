#!/usr/bin/env python3
"""Tiny random checkpoints as the transformers library saves them, and the logits that it computes from them.

hub_torch.py            writes tests/golden/hub/NAME/{config.json, model*.safetensors, logits.json}
hub_torch.py --check FOLDER NAME
                        loads FOLDER with transformers and compares its logits with those of tests/golden/hub/NAME

Runs on the CPU; pip install torch transformers safetensors. Weights are normal, norms around 1, biases around 0, all
large enough that each changes the logits. They are rounded to the checkpoint's dtype before anything is computed; the
logits are those of the folder read again, in float64 (transformers' norms and rotary tables stay in float32).

Configs come in the form of transformers 5 (`rope_parameters`) as it saves them, and for the cases of LEGACY in the form
of transformers 4 (`rope_theta`, `rope_scaling`, `torch_dtype`), which is what most folders on the hub still hold. The
weights of `opt-bare` have the hub's old names, without the leading `model.`.
"""
import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, MistralConfig, OPTConfig, Qwen2Config

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "hub"
TOKENS = [3, 61, 17, 17, 0, 42, 8, 5, 29, 33, 50, 12, 2, 63]
SMALL = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "bos_token_id": 1,
         "eos_token_id": 2, "max_position_embeddings": 64}
ROTARY = SMALL | {"intermediate_size": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-5}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
OPT = SMALL | {"ffn_dim": 40, "pad_token_id": 1}

# name: (config, dtype of the file, largest shard)
CASES = {
    "llama": (LlamaConfig(**ROTARY, tie_word_embeddings=False), torch.float32, None),
    "llama3": (LlamaConfig(**ROTARY, head_dim=8, tie_word_embeddings=True, rope_parameters=LLAMA3), torch.bfloat16, None),
    "llama-linear": (LlamaConfig(**ROTARY, tie_word_embeddings=False,
                                 rope_parameters={"rope_type": "linear", "rope_theta": 20000.0, "factor": 4.0}),
                     torch.bfloat16, "6KB"),
    "mistral": (MistralConfig(**ROTARY, head_dim=6, sliding_window=5), torch.float16, None),
    "qwen2": (Qwen2Config(**ROTARY, tie_word_embeddings=True, sliding_window=4, use_sliding_window=False),
              torch.float32, "20KB"),
    "opt": (OPTConfig(**OPT), torch.float16, None),
    "opt-bare": (OPTConfig(**OPT), torch.float32, None),
    "opt-350m": (OPTConfig(**OPT, do_layer_norm_before=False, word_embed_proj_dim=8), torch.float32, None),
}
LEGACY = {
    "llama-linear": {"rope_theta": 20000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "mistral": {"rope_theta": 10000.0, "rope_scaling": None},
}


def randomise(model, seed):
    """Weights whose size keeps activations near 1, so that a wrong one shows."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name and not name.endswith("bias"):
            weight.data = 1 + noise / 4
        elif name.endswith("bias"):
            weight.data = noise / 3
        else:
            weight.data = noise * (1.0 if "embed" in name else 1.5 / weight.shape[1] ** 0.5)


def logits_of(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager").eval()
    with torch.no_grad():
        return model(torch.tensor([TOKENS])).logits[0]


def write(name, seed):
    config, dtype, shard = CASES[name]
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    randomise(model, seed)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard or "1GB")
    (folder / "generation_config.json").unlink()
    if name == "opt-bare":
        weights = load_file(folder / "model.safetensors")
        save_file({key.removeprefix("model."): value for key, value in weights.items()},
                  folder / "model.safetensors", {"format": "pt"})
    if name in LEGACY:
        saved = json.loads((folder / "config.json").read_text())
        del saved["rope_parameters"]
        saved |= LEGACY[name] | {"torch_dtype": saved.pop("dtype")}
        (folder / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
    again = AutoConfig.from_pretrained(folder)
    for field in ("sliding_window", "head_dim", "tie_word_embeddings"):
        assert getattr(again, field, None) == getattr(config, field, None), (name, field)
    rope, meant = (getattr(c, "rope_parameters", None) or {} for c in (again, config))
    assert {key: rope[key] for key in meant} == meant, (name, rope, meant)  # the old form adds `type`
    logits = logits_of(folder)
    rows = [[round(x, 7) for x in row] for row in logits.tolist()]
    (folder / "logits.json").write_text(json.dumps({"tokens": TOKENS, "logits": rows}) + "\n")
    print(f"{name}: logits in [{logits.min():.2f}, {logits.max():.2f}]")


def check(folder, name):
    expected = torch.tensor(json.loads((FOLDER / name / "logits.json").read_text())["logits"], dtype=torch.float64)
    print(f"{folder}: largest difference of a logit {(logits_of(folder) - expected).abs().max():.3g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", nargs=2, metavar=("FOLDER", "NAME"))
    arguments = parser.parse_args()
    if arguments.check:
        return check(*arguments.check)
    for seed, name in enumerate(CASES):
        write(name, seed)


if __name__ == "__main__":
    main()
