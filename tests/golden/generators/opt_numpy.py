#!/usr/bin/env python3
"""Golden values of OPT-type transformers from an independent float64 NumPy OPT.

opt_numpy.py    writes tests/golden/opt.json (log-probabilities and adapter gradients of tiny models; gradients are
                central differences)

Where torch and transformers can be imported, the values are first held against Hugging Face's OPTForCausalLM in
float64 and float32 with the same weights, adapters by hooks, and gradients by autograd; differences are printed, and
a difference above the bounds below stops the script before it writes. (pip install torch transformers)

Sources: Zhang et al. 2022 (OPT: norms before the halves of a block, ReLU, biases, learned positions from row 2 of
their table on, tied head), Ba, Kiros & Hinton 2016 (LayerNorm), Hu et al. 2022 (LoRA).

Weights come from the formula u(stream, i) of llama_numpy.py: tensor number s in the order of `tensor_shapes` is
1 + u(s, i)/4 for norm gains, u/4 for biases (the norms' and the projections'), u for the two embeddings and u/2 for
matrices; adapter a is u(1000 + a, i)/4 over its flat vector. The projections up and down are OPT's fc1 and fc2.
"""
import numpy as np

import llama_numpy
from llama_numpy import FOLDER, formula, log_softmax, loss

POSITION_OFFSET = 2
PROJECTIONS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "up": "ffn_up", "down": "ffn_down"}


def tensor_shapes(c):
    width, ffn = c["width"], c["ffn"]
    shapes = [("token_embd", (c["vocab"], width)), ("position_embd", (c["context"] + POSITION_OFFSET, width))]
    for i in range(c["layers"]):
        block = [("attn_norm", (width,)), ("attn_norm.bias", (width,))]
        block += [(f"attn_{p}", (width, width)) for p in "qkv"] + [(f"attn_{p}.bias", (width,)) for p in "qkv"]
        block += [("attn_output", (width, width)), ("attn_output.bias", (width,))]
        block += [("ffn_norm", (width,)), ("ffn_norm.bias", (width,))]
        block += [("ffn_up", (ffn, width)), ("ffn_up.bias", (ffn,))]
        block += [("ffn_down", (width, ffn)), ("ffn_down.bias", (width,))]
        shapes += [(f"blk.{i}.{name}", shape) for name, shape in block]
    return shapes + [("output_norm", (width,)), ("output_norm.bias", (width,))]


def tiny_weights(c):
    weights = {}
    for stream, (name, shape) in enumerate(tensor_shapes(c)):
        u = formula(stream, int(np.prod(shape))).reshape(shape)
        weights[name] = (u / 4 if name.endswith("bias") else 1 + u / 4 if name.endswith("norm")
                         else u if name.endswith("embd") else u / 2)
    return weights


def layer_norm(x, w, name, eps):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * w[name] + w[name + ".bias"]


def forward(c, w, tokens, lora=None, flat=None):
    """log P of the next token after each position, [tokens, vocab]."""
    factors = {} if flat is None else llama_numpy.unpack(c, lora, flat)

    def project(x, layer, projection):
        name = f"blk.{layer}.{PROJECTIONS[projection]}"
        y = x @ w[name].T + w[name + ".bias"]
        if (layer, projection) in factors:
            a, b = factors[layer, projection]
            y = y + lora["alpha"] / lora["rank"] * (x @ a.T) @ b.T
        return y

    n = len(tokens)
    hidden = w["token_embd"][tokens] + w["position_embd"][POSITION_OFFSET:POSITION_OFFSET + n]
    mask = np.where(np.arange(n)[None, :] > np.arange(n)[:, None], -np.inf, 0.0)
    for i in range(c["layers"]):
        x = layer_norm(hidden, w, f"blk.{i}.attn_norm", c["norm_eps"])
        q, k, v = (project(x, i, p).reshape(n, c["heads"], -1) for p in "qkv")
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(c["head_dim"]) + mask
        attended = np.einsum("hij,jhd->ihd", np.exp(log_softmax(scores)), v).reshape(n, -1)
        hidden = hidden + project(attended, i, "o")
        x = layer_norm(hidden, w, f"blk.{i}.ffn_norm", c["norm_eps"])
        hidden = hidden + project(np.maximum(project(x, i, "up"), 0), i, "down")
    return log_softmax(layer_norm(hidden, w, "output_norm", c["norm_eps"]) @ w["token_embd"].T)


class HuggingFace:
    """transformers' OPTForCausalLM with the weights of a case."""

    def __init__(self, case, weights, dtype):
        import torch
        import transformers

        self.torch, self.dtype, self.case = torch, dtype, case
        c = case["config"]
        self.model = transformers.OPTForCausalLM(transformers.OPTConfig(
            vocab_size=c["vocab"], hidden_size=c["width"], word_embed_proj_dim=c["width"],
            num_hidden_layers=c["layers"], num_attention_heads=c["heads"], ffn_dim=c["ffn"],
            max_position_embeddings=c["context"], dropout=0.0, attention_dropout=0.0, layerdrop=0.0,
            tie_word_embeddings=True, attn_implementation="sdpa")).to(dtype).eval().requires_grad_(False)
        assert self.model.lm_head.weight is self.model.model.decoder.embed_tokens.weight
        given = {self.name(name): torch.from_numpy(value).to(dtype) for name, value in weights.items()}
        left = self.model.load_state_dict(given, strict=False)
        assert left.missing_keys in ([], ["lm_head.weight"]) and not left.unexpected_keys, left

    @staticmethod
    def name(ours):
        """transformers' name of one of our tensors."""
        kind = "bias" if ours.endswith(".bias") else "weight"
        base = ours.removesuffix(".bias")
        outer = {"token_embd": "embed_tokens", "position_embd": "embed_positions", "output_norm": "final_layer_norm"}
        if base in outer:
            return f"model.decoder.{outer[base]}.{kind}"
        _, layer, part = base.split(".")
        inner = {"attn_norm": "self_attn_layer_norm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
                 "attn_v": "self_attn.v_proj", "attn_output": "self_attn.out_proj", "ffn_norm": "final_layer_norm",
                 "ffn_up": "fc1", "ffn_down": "fc2"}
        return f"model.decoder.layers.{layer}.{inner[part]}.{kind}"

    def run(self, flats):
        """(log-probabilities, gradients of `loss`) at the case's targets; flats: one NumPy vector an adapter."""
        torch, case = self.torch, self.case
        leaves = [torch.tensor(flat, dtype=self.dtype, requires_grad=True) for flat in flats]
        rows = [self.sequence(s["tokens"], leaves[s["adapter"]] if s["adapter"] >= 0 else None)
                for s in case["sequences"]]
        log_p = torch.stack([rows[s][position, token] for s, position, token in case["targets"]])
        if leaves:
            weight = 1 + torch.arange(len(log_p)) % 3
            (0.05 * log_p.square() - weight * log_p).sum().backward()
        return log_p.detach().double().numpy(), [x.grad.double().numpy() for x in leaves]

    def sequence(self, tokens, flat):
        hooks = []
        if flat is not None:
            lora = self.case["lora"]
            for (layer, projection), (a, b) in llama_numpy.unpack(self.case["config"], lora, flat).items():
                path = self.name(f"blk.{layer}.{PROJECTIONS[projection]}").removesuffix(".weight")
                hooks.append(self.model.get_submodule(path).register_forward_hook(
                    lambda _, inputs, y, a=a, b=b:
                        y + lora["alpha"] / lora["rank"] * (inputs[0] @ a.T) @ b.T))
        logits = self.model(input_ids=self.torch.tensor([tokens]), use_cache=False).logits[0]
        for hook in hooks:
            hook.remove()
        return self.torch.log_softmax(logits, dim=-1)


def compare_with_transformers(case, weights, adapters):
    """Stops the script where NumPy and transformers differ; says so where there is nothing to compare with."""
    try:
        import torch
        import transformers
    except ImportError as error:
        print(f"{case['name']}: not compared with transformers ({error})")
        return
    # Central differences are good to 1e-9 of the largest entry.
    for dtype, bound, gradient_bound in [(torch.float64, 1e-12, 1e-8), (torch.float32, 1e-5, 1e-5)]:
        log_p, gradients = HuggingFace(case, weights, dtype).run(adapters)
        difference = np.abs(log_p - case["log_probabilities"]).max()
        errors = [np.abs(g - h).max() / np.abs(h).max() for g, h in zip(case["gradients"], gradients)]
        print(f"{case['name']}: transformers {transformers.__version__} in {dtype} differs by {difference:.1e}, in "
              f"the gradient by {max(errors, default=0):.1e} of the largest entry")
        assert difference < bound and max(errors, default=0) < gradient_bound


def tiny_cases():
    small = {"family": "opt", "vocab": 61, "width": 16, "layers": 2, "heads": 2, "kv_heads": 2, "head_dim": 8,
             "ffn": 24, "context": 16, "rope_base": 10000.0, "norm_eps": 1e-5, "tied": True}
    # Heads of a dim that is no power of two, as OPT-2.7B's 80.
    odd = dict(small, width=40, head_dim=20, ffn=32)
    # More than one slice of the head's vocabulary.
    wide = dict(small, vocab=4100, layers=1)
    every = list(PROJECTIONS)
    # The first sequence fills the context, so the table of positions is read to its last row.
    return [
        llama_numpy.tiny_case("no adapters", small, [16, 1, 9], [-1, -1, -1],
                              {"rank": 2, "alpha": 3.0, "targets": ["q", "v"]}),
        llama_numpy.tiny_case("several adapters", small, [4, 7, 1, 3, 16, 2], [0, 1, -1, 1, 2, 0],
                              {"rank": 2, "alpha": 3.0, "targets": ["q", "v"]}),
        llama_numpy.tiny_case("every projection", odd, [4, 7, 1, 3, 5], [0, 1, -1, 1, 0],
                              {"rank": 2, "alpha": 3.0, "targets": every}),
        llama_numpy.tiny_case("wide vocabulary", wide, [3, 6], [-1, 0],
                              {"rank": 3, "alpha": 4.0, "targets": ["v", "down"]}),
    ]


def main():
    cases = tiny_cases()
    for case in cases:
        c, lora = case["config"], case["lora"]
        weights = tiny_weights(c)
        size = llama_numpy.adapter_layout(c, lora["rank"], lora["targets"])[1]
        adapters = [formula(1000 + a, size) / 4 for a in range(case["adapters"])]
        log_p = llama_numpy.target_log_probabilities(c, weights, case, adapters, forward)
        case.update(log_probabilities=log_p, loss=loss(log_p),
                    gradients=llama_numpy.gradients(c, weights, case, adapters, forward))
        print(f"{case['name']}: log-probabilities from {log_p.min():.2f} to {log_p.max():.2f}")
        compare_with_transformers(case, weights, adapters)
    llama_numpy.write(FOLDER / "opt.json", {"made_by": "tests/golden/generators/opt_numpy.py", "cases": cases})


if __name__ == "__main__":
    main()
