#!/usr/bin/env python3
"""Golden values of prefix and prompt tuning from Hugging Face's peft: tests/golden/peft.json.

The models are those of families_torch.py. A prefix or a prompt is u(1000 + a, i)/2 over its flat vector, as zofo lays it
out: a prefix layer by layer, keys [tokens, key_width] then values; a prompt [tokens, embedded]. peft's PrefixTuning and
PromptTuning get these values in their own layout (keys of rotary models with their halves apart) and run the model, so
that positions, masks and caches are theirs. Gradients are autograd's, brought back to our layout; of each the file holds
what families_torch.py says. `float32` as there. pip install torch transformers peft numpy.

Cases of the adapter "dropout" are LoRA with the inputs of its products masked: entry i = row · inputs + column of site
layer · 8 + projection is dropped where word i % 4 of Philox4x32-10's block i / 4 (counter: block, site, step, 0xD209;
key: seed) is below rate · 2^32, else divided by 1 − rate. Rows are those of the whole batch, packed.
"""
import numpy as np
import torch
import peft
import transformers

import llama_numpy
from families_torch import EVERY, Model, cases as family_cases, digest, halved, is_opt
from llama_numpy import FOLDER
from llama_torch import curved_loss, formula


def prefix_to_theirs(c, n, flat):
    """Our flat prefix as peft's table [tokens, layers · 2 · heads · dim]; differentiable."""
    parts = flat.unflatten(0, (c["layers"], 2, n, -1))
    layers = []
    for layer in parts:
        keys = layer[0] if is_opt(c) else torch.stack([halved(row, c) for row in layer[0]])
        layers += [keys, layer[1]]
    return torch.cat(layers, dim=-1)


def size_of(case):
    c, n = case["config"], case["tokens"]
    if case["adapter"] == "prefix":
        return c["layers"] * 2 * n * c["kv_heads"] * c["head_dim"]
    return n * (c["embedding_width"] or c["width"])


class Adapted(Model):
    """The model under peft, its table filled by a flat vector of ours."""

    def __init__(self, case, dtype):
        super().__init__(case, dtype)
        make = peft.PrefixTuningConfig if case["adapter"] == "prefix" else peft.PromptTuningConfig
        self.base = self.model
        settings = {"task_type": "CAUSAL_LM", "num_virtual_tokens": case["tokens"]}
        if case["adapter"] == "prompt":  # peft takes the hidden size by itself, where OPT-350M embeds in less
            settings["token_dim"] = self.c["embedding_width"] or self.c["width"]
        self.peft = peft.get_peft_model(self.model, make(**settings))
        self.peft.to(dtype).eval()
        self.table = self.peft.prompt_encoder["default"].embedding

    def row(self, tokens, flat):
        ids = torch.tensor([tokens])
        if flat is None:
            with self.peft.disable_adapter():
                return torch.log_softmax(self.peft(input_ids=ids).logits[0], dim=-1)
        n = self.case["tokens"]
        values = (prefix_to_theirs(self.c, n, flat) if self.case["adapter"] == "prefix"
                  else flat.unflatten(0, (n, -1)))
        assert self.table.weight.shape == values.shape, (self.table.weight.shape, values.shape)
        logits = torch.func.functional_call(
            self.peft, {"prompt_encoder.default.embedding.weight": values},
            kwargs={"input_ids": ids, "attention_mask": torch.ones_like(ids)}).logits[0]
        return torch.log_softmax(logits[-len(tokens):], dim=-1)

    def run(self):
        case = self.case
        leaves = [(formula(1000 + a, size_of(case)) / 2).to(self.dtype).requires_grad_()
                  for a in range(case["adapters"])]
        rows = [self.row(s["tokens"], leaves[s["adapter"]] if s["adapter"] >= 0 else None)
                for s in case["sequences"]]
        log_p = torch.stack([rows[s][position, token] for s, position, token in case["targets"]])
        loss = curved_loss(log_p)
        loss.backward()
        return log_p.detach().double(), loss.item(), [x.grad.double() for x in leaves]


def philox(counter, key):
    """Philox4x32-10 of columns of counters (Salmon et al. 2011)."""
    c, k = [x.astype(np.uint64) for x in counter], list(key)
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = c[0] * np.uint64(0xD2511F53), c[2] * np.uint64(0xCD9E8D57)
        c = [(b >> np.uint64(32)) ^ c[1] ^ np.uint64(k[0]), b & low,
             (a >> np.uint64(32)) ^ c[3] ^ np.uint64(k[1]), a & low]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Dropped(Model):
    """LoRA with masks on its inputs."""

    def mask(self, layer, projection, first_row, shape):
        d = self.case["dropout"]
        at = first_row * shape[1] + np.arange(shape[0] * shape[1])
        blocks = at // 4
        fixed = [np.full_like(blocks, x) for x in (layer * 8 + EVERY.index(projection), d["step"], 0xD209)]
        words = np.stack(philox([blocks, *fixed], [d["seed"] & 0xFFFFFFFF, d["seed"] >> 32]))[at % 4, np.arange(len(at))]
        # The rate as float32 has it.
        kept = words >= int(float(np.float32(d["rate"])) * 2**32)
        return torch.from_numpy(kept.reshape(shape)).to(self.dtype) / (1 - d["rate"])

    def seen(self, layer, projection, x):
        return x * self.mask(layer, projection, self.first_row, (x.numel() // x.shape[-1], x.shape[-1])).reshape(x.shape)

    def run(self):
        self.first_row = 0
        return super().run()

    def row(self, tokens, flat):
        result = super().row(tokens, flat)
        self.first_row += len(tokens)
        return result


def cases():
    for case in family_cases():
        if case["name"] == "linear":
            continue
        for adapter, n in [("prefix", 3), ("prompt", 4)]:
            yield dict(case, adapter=adapter, tokens=n)
        if case["name"] in ("llama 3.1", "350m type"):
            yield dict(case, adapter="dropout", tokens=0, dropout={"rate": 0.25, "seed": 0x123456789ABC, "step": 5})


def main():
    made = []
    for case in cases():
        make = Dropped if case["adapter"] == "dropout" else Adapted
        log_p, loss, gradients = make(case, torch.float64).run()
        log_p32, _, gradients32 = make(case, torch.float32).run()
        entry = {"name": case["name"], "adapter": case["adapter"], "tokens": case["tokens"],
                 "dropout": case.get("dropout"),
                 "log_probabilities": log_p.tolist(), "loss": loss,
                 "digests": [digest(a, g) for a, g in enumerate(gradients)],
                 "float32": {
                     "log_probability": (log_p32 - log_p).abs().max().item(),
                     "gradient": max(((h - g).norm() / g.norm()).item() for g, h in zip(gradients, gradients32)),
                     "entry": max(((h - g).abs().max() / g.abs().max()).item()
                                  for g, h in zip(gradients, gradients32))}}
        print(f"{entry['name']}, {entry['adapter']}: loss {loss:.4f}; float32 differs by {entry['float32']}")
        made.append(entry)
    llama_numpy.write(FOLDER / "peft.json", {
        "made_by": f"tests/golden/generators/peft_torch.py, peft {peft.__version__}, transformers {transformers.__version__}",
        "cases": made})


if __name__ == "__main__":
    main()
