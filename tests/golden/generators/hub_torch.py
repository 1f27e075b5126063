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
weights of `opt-bare` have the hub's old names, without the leading `model.`. The config of `llama-head` says that the
head is the embedding, but the folder has another one, which transformers 5 uses.
"""
import argparse
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file, save_file
from transformers import (AutoConfig, AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GraniteConfig, LlamaConfig,
                          MinistralConfig, MistralConfig, Olmo2Config, OPTConfig, Phi3Config, Qwen2Config, Qwen3Config,
                          SmolLM3Config)

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "hub"
TOKENS = [3, 61, 17, 17, 0, 42, 8, 5, 29, 33, 50, 12, 2, 63]
SMALL = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "bos_token_id": 1,
         "eos_token_id": 2, "max_position_embeddings": 64}
ROTARY = SMALL | {"intermediate_size": 24, "num_key_value_heads": 2, "rms_norm_eps": 1e-5}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}
NO_PAD = {"pad_token_id": None}
LONGROPE = {"rope_type": "longrope", "short_factor": [1.0, 1.5, 2.0], "long_factor": [1.0, 3.0, 5.0]}
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
    "llama-head": (LlamaConfig(**ROTARY, tie_word_embeddings=False), torch.bfloat16, None),
    "llama-biases": (LlamaConfig(**ROTARY, attention_bias=True, mlp_bias=True), torch.bfloat16, None),
    "llama-yarn": (LlamaConfig(**ROTARY, rope_parameters={
        "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 3.0,
        "original_max_position_embeddings": 16}), torch.bfloat16, None),
    "llama-dynamic": (LlamaConfig(**ROTARY, rope_parameters={
        "rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0}), torch.bfloat16, None),
    "mistral-layers": (MinistralConfig(**ROTARY, head_dim=4, sliding_window=5,
                                       layer_types=["full_attention", "sliding_attention"]),
                       torch.bfloat16, None),
    "qwen3": (Qwen3Config(**ROTARY, head_dim=8, tie_word_embeddings=True), torch.bfloat16, None),
    "gemma2": (Gemma2Config(**ROTARY, **NO_PAD, head_dim=6, sliding_window=5, query_pre_attn_scalar=9,
                            final_logit_softcapping=5.0, attn_logit_softcapping=3.0), torch.bfloat16, None),
    "gemma3": (Gemma3TextConfig(**ROTARY | {"num_hidden_layers": 3}, **NO_PAD, head_dim=8, sliding_window=5,
                                query_pre_attn_scalar=9,
                                layer_types=["sliding_attention", "sliding_attention", "full_attention"],
                                rope_parameters={"full_attention": {"rope_type": "linear", "rope_theta": 1e6,
                                                                    "factor": 8.0},
                                                 "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}),
               torch.bfloat16, None),
    "smollm3": (SmolLM3Config(**ROTARY, **NO_PAD, no_rope_layers=[1, 0]), torch.bfloat16, None),
    "phi3": (Phi3Config(**ROTARY | {"hidden_size": 32}, **NO_PAD, original_max_position_embeddings=8,
                        rope_parameters=LONGROPE | {"rope_theta": 10000.0, "partial_rotary_factor": 0.75}),
             torch.bfloat16, None),
    "olmo2": (Olmo2Config(**ROTARY, **NO_PAD), torch.bfloat16, None),
    "granite": (GraniteConfig(**ROTARY, embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.3,
                              logits_scaling=3.0), torch.bfloat16, None),
}
LEGACY = {
    "llama-linear": {"rope_theta": 20000.0, "rope_scaling": {"type": "linear", "factor": 4.0}},
    "mistral": {"rope_theta": 10000.0, "rope_scaling": None},
    "gemma3": {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "phi3": {"rope_theta": 10000.0, "partial_rotary_factor": 0.75,
             "rope_scaling": {key.removeprefix("rope_"): value for key, value in LONGROPE.items()}},
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
    if name == "llama-head":
        saved = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(saved | {"tie_word_embeddings": True}, indent=2) + "\n")
        config.tie_word_embeddings = True
    if name == "mistral-layers":  # as Mistral's own files are: transformers reads them as Ministral
        saved = json.loads((folder / "config.json").read_text())
        saved |= {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
        (folder / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
    if name in LEGACY:
        saved = json.loads((folder / "config.json").read_text())
        del saved["rope_parameters"]
        saved |= LEGACY[name] | {"torch_dtype": saved.pop("dtype")}
        (folder / "config.json").write_text(json.dumps(saved, indent=2) + "\n")
    again = AutoConfig.from_pretrained(folder)
    for field in ("sliding_window", "head_dim", "tie_word_embeddings"):
        assert getattr(again, field, None) == getattr(config, field, None), (name, field)
    rope, meant = (getattr(c, "rope_parameters", None) or {} for c in (again, config))
    # The old form adds `type`, and partial_rotary_factor to Gemma's rope.
    assert {key: rope[key] for key in meant} == meant or name in ("gemma3",), (name, rope, meant)
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
