#!/usr/bin/env python3
"""Golden values of every family of models from Hugging Face's transformers: tests/golden/families.json.

Tiny models of the classes of KINDS get the weights of the formula u(stream, i) of llama_numpy.py; adapters (LoRA) are forward hooks, gradients are autograd's. The models run in float64
but for RMSNorm and the rotary tables, which transformers computes in float32 whatever the model's type. `float32` says
how far the same program in float32 is from these values, and tests take their tolerances from it.
Runs on the CPU; pip install torch transformers numpy.

Tensor number s in the order of `tensor_shapes`, whose rows of q and k have rotary pairs side by side, is 1 + u(s, i)/4
for norm gains (u/4 where the class adds 1), u/4 for biases, u for the embeddings and u/2 for matrices; adapter a is
u(1000 + a, i)/4 over its flat vector. Hugging Face's models turn the halves of a head, so their rows of q and k, biases,
gains of their norms and LoRA's B are these in another order (`halved`).

Of an adapter's gradient g the file holds its 2-norm, the sum of g_i·u(3000 + a, i), to which every entry adds in its
place, and its largest entries.
"""
import math

import numpy as np
import torch
import transformers

import llama_numpy
from llama_numpy import FOLDER
from llama_torch import curved_loss, formula

EVERY = ["q", "k", "v", "o", "gate", "up", "down"]
ENTRIES = 5
KINDS = {"llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
         "mistral": (transformers.MistralConfig, transformers.MistralForCausalLM),
         "ministral": (transformers.MinistralConfig, transformers.MinistralForCausalLM),
         "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
         "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
         "smollm3": (transformers.SmolLM3Config, transformers.SmolLM3ForCausalLM),
         "phi3": (transformers.Phi3Config, transformers.Phi3ForCausalLM),
         "granite": (transformers.GraniteConfig, transformers.GraniteForCausalLM),
         "olmo2": (transformers.Olmo2Config, transformers.Olmo2ForCausalLM),
         "gemma2": (transformers.Gemma2Config, transformers.Gemma2ForCausalLM),
         "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
         "opt": (transformers.OPTConfig, transformers.OPTForCausalLM)}


def is_opt(c):
    return c["family"] == "opt"


def placement(c):
    """Where the norms are: before, after_sum, after or around the sublayers."""
    return c.get("placement", "before" if c["pre_norm"] else "after_sum")


def block_shapes(c):
    width, ffn = c["width"], c["ffn"]
    rows = {"q": c["heads"] * c["head_dim"], "k": c["kv_heads"] * c["head_dim"], "v": c["kv_heads"] * c["head_dim"]}
    inputs, outputs = placement(c) in ("before", "around"), placement(c) in ("after", "around")

    def norm(name, there):
        return ([(name, (width,))] + ([(name + ".bias", (width,))] if is_opt(c) else [])) if there else []

    def bias(name, size, there):
        return [(name + ".bias", (size,))] if is_opt(c) or there else []

    shapes = norm("attn_norm", inputs)
    shapes += [(f"attn_{p}", (rows[p], width)) for p in "qkv"]
    for p in "qkv":
        shapes += bias(f"attn_{p}", rows[p], c["attention_bias"])
    for p in "qk" if "qk_norm" in c else "":
        shapes += [(f"attn_{p}_norm", (c["head_dim"] if c["qk_norm"] == "heads" else rows[p],))]
    shapes += [("attn_output", (width, rows["q"]))] + bias("attn_output", width, c.get("output_bias"))
    shapes += norm("post_attention_norm", outputs) + norm("attn_norm", placement(c) == "after_sum")
    shapes += norm("ffn_norm", inputs)
    shapes += [] if is_opt(c) else [("ffn_gate", (ffn, width))]
    shapes += [("ffn_up", (ffn, width))]
    shapes += [] if is_opt(c) else bias("ffn_gate", ffn, c.get("mlp_bias"))
    shapes += bias("ffn_up", ffn, c.get("mlp_bias"))
    shapes += [("ffn_down", (width, ffn))] + bias("ffn_down", width, c.get("mlp_bias"))
    return shapes + norm("post_ffw_norm", outputs) + norm("ffn_norm", placement(c) == "after_sum")


def tensor_shapes(c):
    width, embedded = c["width"], c["embedding_width"] or c["width"]
    shapes = [("token_embd", (c["vocab"], embedded))]
    shapes += [("position_embd", (c["context"] + 2, width))] if is_opt(c) else []
    shapes += [("project_in", (width, embedded))] if c["embedding_width"] else []
    shapes += [(f"blk.{i}.{name}", shape) for i in range(c["layers"]) for name, shape in block_shapes(c)]
    shapes += [("output_norm", (width,))] if c["pre_norm"] else []
    shapes += [("output_norm.bias", (width,))] if c["pre_norm"] and is_opt(c) else []
    shapes += [("project_out", (embedded, width))] if c["embedding_width"] else []
    return shapes + ([] if c["tied"] else [("output", (c["vocab"], embedded))])


def weights_of(c):
    weights = {}
    for stream, (name, shape) in enumerate(tensor_shapes(c)):
        u = formula(stream, int(np.prod(shape))).reshape(shape)
        weights[name] = (u / 4 if name.endswith("bias") else 1 - c.get("gain_offset", 0) + u / 4 if name.endswith("norm")
                         else u if name.endswith("embd") else u / 2)
    return weights


def halved(rows, c):
    """Rows with pairs 2j, 2j + 1 side by side in the order in which j and j + half the rotated rows make a pair."""
    rotated = c.get("rotary_dim") or c["head_dim"]
    heads = rows.unflatten(0, (-1, c["head_dim"]))
    turned = heads[:, :rotated].unflatten(1, (rotated // 2, 2)).transpose(1, 2).flatten(1, 2)
    return torch.cat([turned, heads[:, rotated:]], dim=1).flatten(0, 1)


OPT_NAMES = {"token_embd": "embed_tokens", "position_embd": "embed_positions", "output_norm": "final_layer_norm",
             "project_in": "project_in", "project_out": "project_out", "attn_norm": "self_attn_layer_norm",
             "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
             "attn_output": "self_attn.out_proj", "ffn_norm": "final_layer_norm", "ffn_up": "fc1", "ffn_down": "fc2"}
LLAMA_NAMES = {"token_embd": "embed_tokens", "output_norm": "norm", "attn_norm": "input_layernorm",
               "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
               "attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm",
               "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm",
               "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
               "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
GEMMA_NAMES = LLAMA_NAMES | {"ffn_norm": "pre_feedforward_layernorm"}
PHI3_NAMES = LLAMA_NAMES | {"attn_q": "self_attn.qkv_proj", "attn_k": "self_attn.qkv_proj",
                            "attn_v": "self_attn.qkv_proj", "ffn_gate": "mlp.gate_up_proj",
                            "ffn_up": "mlp.gate_up_proj"}
PROJECTIONS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up",
               "down": "ffn_down"}


def their_name(c, ours):
    """transformers' name of one of our tensors."""
    kind = "bias" if ours.endswith(".bias") else "weight"
    base = ours.removesuffix(".bias")
    if base == "output":
        return "lm_head.weight"
    names = {"opt": OPT_NAMES, "gemma": GEMMA_NAMES, "phi3": PHI3_NAMES}.get(c.get("names", c["family"]), LLAMA_NAMES)
    top = "model.decoder" if is_opt(c) else "model"
    if base.startswith("blk."):
        _, layer, part = base.split(".")
        return f"{top}.layers.{layer}.{names[part]}.{kind}"
    return f"{top}.{names[base]}.{kind}"


def their_config(c, kind):
    """transformers' configuration of a case."""
    if is_opt(c):
        return dict(vocab_size=c["vocab"], hidden_size=c["width"], num_hidden_layers=c["layers"],
                    word_embed_proj_dim=c["embedding_width"] or c["width"], num_attention_heads=c["heads"],
                    ffn_dim=c["ffn"], max_position_embeddings=c["context"], dropout=0.0, attention_dropout=0.0,
                    layerdrop=0.0, do_layer_norm_before=c["pre_norm"], tie_word_embeddings=c["tied"])
    rope = {"rope_type": "default", "rope_theta": c["rope_base"]}
    scaling = c["rope_scaling"]
    if scaling["kind"] == "linear":
        rope.update(rope_type="linear", factor=scaling["factor"])
    elif scaling["kind"] == "yarn":
        rope.update(rope_type="yarn", factor=scaling["factor"], beta_fast=scaling["beta_fast"],
                    beta_slow=scaling["beta_slow"], original_max_position_embeddings=scaling["original_context"])
    elif scaling["kind"] == "longrope":
        rope.update(rope_type="longrope", short_factor=scaling["short_factors"], long_factor=scaling["long_factors"],
                    original_max_position_embeddings=scaling["original_context"])
    elif scaling["kind"] == "llama3":
        rope.update(rope_type="llama3", factor=scaling["factor"], low_freq_factor=scaling["low_freq_factor"],
                    high_freq_factor=scaling["high_freq_factor"],
                    original_max_position_embeddings=scaling["original_context"])
    settings = dict(vocab_size=c["vocab"], hidden_size=c["width"], intermediate_size=c["ffn"],
                    num_hidden_layers=c["layers"], num_attention_heads=c["heads"], head_dim=c["head_dim"],
                    num_key_value_heads=c["kv_heads"], max_position_embeddings=c["context"],
                    rms_norm_eps=c["norm_eps"], tie_word_embeddings=c["tied"], rope_parameters=rope,
                    attention_dropout=0.0, pad_token_id=None, bos_token_id=None, eos_token_id=None)
    if kind in ("mistral", "ministral", "gemma2", "gemma3"):
        settings["sliding_window"] = c["window"]
    if "windowed" in c:
        settings["layer_types"] = ["sliding_attention" if each else "full_attention" for each in c["windowed"]]
    if kind in ("llama", "smollm3", "granite"):
        settings.update(attention_bias=c.get("output_bias", False), mlp_bias=c.get("mlp_bias", False))
    if kind == "smollm3":
        settings["no_rope_layers"] = [0 if each == "none" else 1 for each in c["ropes"]]
    if kind == "phi3":
        del settings["head_dim"]
        settings["original_max_position_embeddings"] = scaling["original_context"]
        rope["partial_rotary_factor"] = c["rotary_dim"] / c["head_dim"]
    if kind == "granite":
        settings.update(embedding_multiplier=c["embedding_scale"], residual_multiplier=c["residual_scale"],
                        attention_multiplier=c["attention_scale"], logits_scaling=1 / c["logit_scale"])
    if kind in ("gemma2", "gemma3"):
        settings.update(query_pre_attn_scalar=round(c["attention_scale"] ** -2), final_logit_softcapping=c.get("logit_cap"))
    if kind == "gemma2":
        settings["attn_logit_softcapping"] = c["attention_cap"]
    if kind == "gemma3":
        settings["rope_parameters"] = {"full_attention": rope, "sliding_attention": {
            "rope_type": "default", "rope_theta": c["local_rope_base"]}}
    return settings


class Model:
    """One of transformers' models with the weights of a case."""

    def __init__(self, case, dtype):
        self.case, self.c, self.dtype = case, case["config"], dtype
        make_config, make_model = KINDS[case["kind"]]
        config = make_config(**their_config(self.c, case["kind"]), attn_implementation="eager")
        self.model = make_model(config).to(dtype).eval().requires_grad_(False)
        given, self.rows = {}, {}
        for name, value in weights_of(self.c).items():
            part = name.removesuffix(".bias").split(".")[-1]
            turned = not is_opt(self.c) and part in ("attn_q", "attn_k", "attn_q_norm", "attn_k_norm")
            value = (halved(value, self.c) if turned else value).to(dtype)
            theirs = their_name(self.c, name)
            self.rows[name] = len(given[theirs]) if theirs in given else 0
            given[theirs] = torch.cat([given[theirs], value]) if theirs in given else value
        left = self.model.load_state_dict(given, strict=False)
        assert left.missing_keys in ([], ["lm_head.weight"]) and not left.unexpected_keys, left
        if self.c["tied"]:
            assert self.model.lm_head.weight is self.model.get_input_embeddings().weight

    def hooks(self, flat):
        """Adds an adapter's products to its projections until the hooks are removed."""
        lora, scale = self.case["lora"], self.case["lora"]["alpha"] / self.case["lora"]["rank"]
        made = []
        for (layer, p), (a, b) in llama_numpy.unpack(self.c, lora, flat).items():
            b = halved(b, self.c) if p in "qk" and not is_opt(self.c) else b
            ours = f"blk.{layer}.{PROJECTIONS[p]}"
            path = their_name(self.c, ours).removesuffix(".weight")
            made.append(self.model.get_submodule(path).register_forward_hook(
                lambda _, inputs, y, a=a, b=b, layer=layer, p=p, first=self.rows[ours]:
                    y + torch.nn.functional.pad(scale * (self.seen(layer, p, inputs[0]) @ a.T) @ b.T,
                                                (first, y.shape[-1] - first - len(b)))))
        return made

    def seen(self, layer, projection, x):
        """What an adapter gets to see of its projection's input."""
        return x

    def row(self, tokens, flat):
        hooks = [] if flat is None else self.hooks(flat)
        logits = self.model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0]
        for hook in hooks:
            hook.remove()
        return torch.log_softmax(logits, dim=-1)

    def run(self):
        """(log-probabilities, loss, gradients) at the case's targets, in float64."""
        case = self.case
        size = llama_numpy.adapter_layout(self.c, case["lora"]["rank"], case["lora"]["targets"])[1]
        leaves = [(formula(1000 + a, size) / 4).to(self.dtype).requires_grad_() for a in range(case["adapters"])]
        rows = [self.row(s["tokens"], leaves[s["adapter"]] if s["adapter"] >= 0 else None)
                for s in case["sequences"]]
        log_p = torch.stack([rows[s][position, token] for s, position, token in case["targets"]])
        loss = curved_loss(log_p)
        if leaves:
            loss.backward()
        return log_p.detach().double(), loss.item(), [x.grad.double() for x in leaves]


def digest(a, g):
    largest = torch.argsort(g.abs(), descending=True)[:ENTRIES]
    return {"norm": g.norm().item(), "sum": (g * formula(3000 + a, len(g))).sum().item(),
            "entries": [[int(i), g[i].item()] for i in largest]}


def cases():
    base = {"family": "llama", "vocab": 61, "width": 16, "layers": 2, "heads": 4, "kv_heads": 2, "head_dim": 8,
            "ffn": 24, "context": 32, "rope_base": 10000.0, "norm_eps": 1e-5, "tied": False, "attention_bias": False,
            "rope_scaling": {"kind": "none"}, "pre_norm": True, "embedding_width": 0, "window": 0}
    # Turns over the old context: 10.2, 1.02, 0.1, 0.01: one frequency kept, one mixed, two slowed down.
    llama3 = {"kind": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_context": 64}
    opt = dict(base, family="opt", heads=2, kv_heads=2, tied=True)
    lora = {"rank": 2, "alpha": 3.0, "targets": EVERY}
    opt_lora = dict(lora, targets=[p for p in EVERY if p != "gate"])
    lengths, which = [5, 1, 19, 8], [1, -1, 0, 0]
    yarn = {"kind": "yarn", "factor": 4.0, "beta_fast": 4.0, "beta_slow": 1.0, "original_context": 32,
            "magnitude": 0.1 * math.log(4.0) + 1}
    # A sequence of 19 tokens is a long one.
    longrope = {"kind": "longrope", "factor": 1.0, "original_context": 16, "short_factors": [1.0, 1.25, 1.5],
                "long_factors": [1.5, 3.0, 5.0], "magnitude": math.sqrt(1 + math.log(32 / 16) / math.log(16))}
    biased = dict(base, attention_bias=True, output_bias=True, mlp_bias=True)
    around = dict(base, names="gemma", placement="around", gain_offset=1, activation="geglu", tied=True,
                  embedding_scale=4.0, attention_scale=0.25, window=6)
    for name, kind, c, adapters in [
            ("llama 2", "llama", dict(base, kv_heads=4), lora),
            ("llama 3.1", "llama", dict(base, rope_scaling=llama3, norm_eps=1e-6, context=128), lora),
            ("linear", "llama", dict(base, rope_scaling={"kind": "linear", "factor": 4.0}), lora),
            ("mistral", "mistral", dict(base, window=5), lora),
            ("qwen2", "qwen2", dict(base, attention_bias=True, tied=True, rope_base=1e6, norm_eps=1e-6), lora),
            ("125m type", "opt", opt, opt_lora),
            ("350m type", "opt", dict(opt, pre_norm=False, embedding_width=8), opt_lora),
            ("projected", "opt", dict(opt, embedding_width=24), opt_lora),
            ("biases", "llama", biased, lora),
            ("yarn", "llama", dict(base, rope_scaling=yarn, context=128), lora),
            ("ministral", "ministral", dict(base, layers=3, window=5, windowed=[False, True, False]), lora),
            ("qwen3", "qwen3", dict(base, qk_norm="heads", tied=True, rope_base=1e6, norm_eps=1e-6), lora),
            ("gemma 2", "gemma2", dict(around, attention_cap=3.0, logit_cap=5.0, windowed=[True, False]), lora),
            ("gemma 3", "gemma3", dict(around, qk_norm="heads", rope_base=1e6, local_rope_base=1e4, layers=3,
                                       windowed=[True, False, True], ropes=["local", "global", "local"]), lora),
            ("smollm3", "smollm3", dict(base, tied=True, rope_base=5e4, ropes=["global", "none"]), lora),
            ("phi-3", "phi3", dict(base, names="phi3", width=32, rotary_dim=6, rope_scaling=longrope, context=32), lora),
            ("olmo 2", "olmo2", dict(base, placement="after", qk_norm="rows", norm_eps=1e-6), lora),
            ("granite", "granite", dict(base, tied=True, embedding_scale=3.0, scales_prompts=True, residual_scale=0.5,
                                        attention_scale=0.25, logit_scale=0.25), lora)]:
        yield dict(llama_numpy.tiny_case(name, c, lengths, which, adapters), kind=kind)


def main():
    made = []
    for case in cases():
        log_p, loss, gradients = Model(case, torch.float64).run()
        log_p32, _, gradients32 = Model(case, torch.float32).run()
        case["float32"] = {
            "log_probability": (log_p32 - log_p).abs().max().item(),
            "gradient": max(((h - g).norm() / g.norm()).item() for g, h in zip(gradients, gradients32)),
            "entry": max(((h - g).abs().max() / g.abs().max()).item() for g, h in zip(gradients, gradients32))}
        case.update(log_probabilities=log_p.tolist(), loss=loss,
                    digests=[digest(a, g) for a, g in enumerate(gradients)])
        print(f"{case['name']}: log-probabilities from {log_p.min():.2f} to {log_p.max():.2f}; float32 differs by "
              f"{case['float32']}")
        made.append(case)
    llama_numpy.write(FOLDER / "families.json", {
        "made_by": f"tests/golden/generators/families_torch.py, transformers {transformers.__version__}", "cases": made})


if __name__ == "__main__":
    main()
