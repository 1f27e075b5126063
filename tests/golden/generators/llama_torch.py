#!/usr/bin/env python3
"""Golden values of the transformer and of its adapters' gradients from PyTorch: float64, autograd.

llama_torch.py                      writes tests/golden/llama_torch.json (tiny models)
llama_torch.py --model MODEL.gguf   writes tests/golden/smollm2_torch.json (also needs gguf and tokenizers)

Runs on the CPU; pip install torch numpy. Nothing of llama_numpy.py is used but its files: the shapes, tokens and
targets of tests/golden/llama.json are read as input, and its results are compared with these (differences are
printed; log-probabilities must agree to 1e-10). Attention, norm, SiLU, softmax and losses are PyTorch's own.

Weights and adapters of the tiny models: the formula u(stream, i) and the amplitudes of llama_numpy.py. The adapter of
a choice case is u(1000, i)·amplitude over its flat vector: layer by layer, in the order q, k, v, o, gate, up, down of
those that carry one, A [rank, in] row-major, then B [out, rank]. So neither A nor B is zero.

A choice case holds the mean over its rows of −log softmax(scores)[label], where an option's score is the summed
log-probability of its tokens after the prompt. Of every factor's gradient g it holds the norm, the sum of
g_i·u(3000 + number of the factor, i), to which every entry adds in its place, and a few entries, the largest first.

`float32` says how far the same program in float32 is from these values: largest difference of a log-probability or
score, largest |δ|/|g| of a gradient in the 2-norm and in the maximum norm. Tests take their tolerances from it.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

GOLDEN = pathlib.Path(__file__).resolve().parents[1]
PROJECTIONS = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up",
               "down": "ffn_down"}
ENTRIES = 5


def formula(stream, n):
    """u(stream, i) for i < n; every value is a multiple of 2^-15."""
    with np.errstate(over="ignore"):
        x = (np.uint64(stream) << np.uint64(32)) + np.arange(n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return torch.from_numpy((x >> np.uint64(48)).astype(np.float64) / 32768 - 1)


class Llama:
    """A LLaMA of weights {name: tensor}; what it computes has their dtype."""

    def __init__(self, config, weights):
        self.c, self.w = config, weights

    def to(self, dtype):
        return Llama(self.c, {name: w.to(dtype) for name, w in self.w.items()})

    def norm(self, x, name):
        return F.rms_norm(x, (x.shape[-1],), self.w[name], self.c["norm_eps"])

    def project(self, x, layer, projection, adapter):
        y = F.linear(x, self.w[f"blk.{layer}.{PROJECTIONS[projection]}"])
        if adapter and (layer, projection) in adapter.factors:
            a, b = adapter.factors[layer, projection]
            y = y + adapter.scale * F.linear(F.linear(x, a), b)
        return y

    def heads(self, x, rotated):
        """[tokens, heads·dim] to [heads, tokens, dim], each pair (2i, 2i+1) turned by its position if asked."""
        x = x.unflatten(-1, (-1, self.c["head_dim"])).transpose(0, 1)
        if not rotated:
            return x
        dim = self.c["head_dim"]
        frequency = self.c["rope_base"] ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angle = torch.outer(torch.arange(x.shape[1], dtype=torch.float64), frequency)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
        return torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)

    def attention(self, x, layer, adapter):
        q, k, v = (self.heads(self.project(x, layer, p, adapter), p != "v")[None] for p in "qkv")
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.project(y[0].transpose(0, 1).flatten(1), layer, "o", adapter)

    def ffn(self, x, layer, adapter):
        gate, up = (self.project(x, layer, p, adapter) for p in ("gate", "up"))
        return self.project(F.silu(gate) * up, layer, "down", adapter)

    def __call__(self, tokens, adapter=None):
        """log P of the next token after each position, [tokens, vocab]."""
        h = F.embedding(torch.tensor(tokens), self.w["token_embd"])
        for i in range(self.c["layers"]):
            h = h + self.attention(self.norm(h, f"blk.{i}.attn_norm"), i, adapter)
            h = h + self.ffn(self.norm(h, f"blk.{i}.ffn_norm"), i, adapter)
        head = self.w["token_embd" if self.c["tied"] else "output"]
        return F.log_softmax(F.linear(self.norm(h, "output_norm"), head), dim=-1)


class Adapter:
    """LoRA: y += alpha/rank · B A x at each target; A and B are autograd's leaves, filled from u(stream, i)."""

    def __init__(self, model, lora, stream, amplitude):
        self.scale = lora["alpha"] / lora["rank"]
        sites = [(layer, p) for layer in range(model.c["layers"]) for p in PROJECTIONS if p in lora["targets"]]
        shapes = []
        for layer, p in sites:
            n_out, n_in = model.w[f"blk.{layer}.{PROJECTIONS[p]}"].shape
            shapes += [(lora["rank"], n_in), (n_out, lora["rank"])]
        sizes = [rows * columns for rows, columns in shapes]
        values = (formula(stream, sum(sizes)) * amplitude).to(model.w["token_embd"].dtype)
        self.leaves = [x.reshape(s).clone().requires_grad_() for x, s in zip(values.split(sizes), shapes)]
        self.factors = {site: (self.leaves[2 * i], self.leaves[2 * i + 1]) for i, site in enumerate(sites)}
        self.names = [(layer, p, factor) for layer, p in sites for factor in "AB"]

    def gradients(self):
        return [x.grad.double().flatten() for x in self.leaves]


def tiny_model(c):
    queries, keys, width, ffn = c["heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"], c["width"], c["ffn"]
    block = [("attn_norm", width), ("attn_q", queries, width), ("attn_k", keys, width), ("attn_v", keys, width),
             ("attn_output", width, queries), ("ffn_norm", width), ("ffn_gate", ffn, width), ("ffn_up", ffn, width),
             ("ffn_down", width, ffn)]
    shapes = [("token_embd", c["vocab"], width)]
    shapes += [(f"blk.{i}.{name}", *shape) for i in range(c["layers"]) for name, *shape in block]
    shapes += [("output_norm", width)] + ([] if c["tied"] else [("output", c["vocab"], width)])
    weights = {}
    for stream, (name, *shape) in enumerate(shapes):
        u = formula(stream, int(np.prod(shape))).reshape(shape)
        weights[name] = 1 + u / 4 if "norm" in name else u if stream == 0 else u / 2
    return Llama(c, weights)


def curved_loss(log_p):
    weight = 1 + torch.arange(len(log_p)) % 3
    return (0.05 * log_p.square() - weight * log_p).sum()


def tiny_run(model, case):
    """(log-probabilities, loss, gradients) of one case of llama.json."""
    adapters = [Adapter(model, case["lora"], 1000 + a, 0.25) for a in range(case["adapters"])]
    rows = [model(s["tokens"], adapters[s["adapter"]] if s["adapter"] >= 0 else None) for s in case["sequences"]]
    log_p = torch.stack([rows[s][position, token] for s, position, token in case["targets"]])
    loss = curved_loss(log_p)
    if adapters:
        loss.backward()
    return log_p.detach().double(), loss.item(), [torch.cat(a.gradients()) for a in adapters]


def tiny_case(case):
    model = tiny_model(case["config"])
    log_p, loss, gradients = tiny_run(model, case)
    log_p32, _, gradients32 = tiny_run(model.to(torch.float32), case)
    compare_with_numpy(case, log_p, gradients)
    float32 = rounding(log_p32 - log_p, gradients32, gradients)
    print(f"{case['name']}: float32 differs by {float32}")
    return {"name": case["name"], "log_probabilities": short(log_p, 13), "loss": loss, "float32": float32,
            "gradients": [short(g, 12) for g in gradients]}


def compare_with_numpy(case, log_p, gradients):
    """With a fresh run of llama_numpy.py, and with the central differences of llama.json."""
    import llama_numpy

    flat = [llama_numpy.formula(1000 + a, len(g)) / 4 for a, g in enumerate(gradients)]
    weights = llama_numpy.tiny_weights(case["config"])
    other = float64(llama_numpy.target_log_probabilities(case["config"], weights, case, flat))
    difference = (log_p - other).abs().max().item()
    steps = [(g - float64(h)).abs().max().item() for g, h in zip(gradients, case["gradients"])]
    print(f"{case['name']}: NumPy's log-probabilities differ by {difference:.1e}, its central differences by "
          f"{max(steps, default=0):.1e}")
    assert difference < 1e-10


def choice_run(model, case):
    """(scores [rows, options], loss, gradients, adapter) of a choice case."""
    adapter = Adapter(model, case["lora"], 1000, case["amplitude"])
    scores = []
    for row in case["rows"]:
        start = len(row["prompt"]) - 1
        for option in case["options"]:
            log_p = model((row["prompt"] + option)[:-1], adapter)
            scores.append(sum(log_p[start + j, token] for j, token in enumerate(option)))
    scores = torch.stack(scores).reshape(len(case["rows"]), -1)
    loss = F.cross_entropy(scores, torch.tensor([row["label"] for row in case["rows"]]))
    loss.backward()
    return scores.detach().double(), loss.item(), adapter.gradients(), adapter


def rounding(log_p_difference, gradients32, gradients):
    """What `float32` holds."""

    def largest(order):
        ratios = [torch.linalg.vector_norm(a - b, order) / torch.linalg.vector_norm(b, order)
                  for a, b in zip(gradients32, gradients)]
        return float(f"{max(ratios, default=torch.zeros(())).item():.2g}")

    return {"log_probability": float(f"{log_p_difference.abs().max().item():.2g}"), "norm": largest(2),
            "entry": largest(float("inf"))}


def selection(number, name, g):
    """What the file holds of a factor's gradient."""
    picks = [g.abs().argmax().item()]
    picks += [int((u + 1) / 2 * len(g)) for u in formula(4000 + number, ENTRIES - 1).tolist()]
    layer, projection, factor = name
    return {"layer": layer, "projection": projection, "factor": factor,
            "norm": float(f"{g.norm().item():.9g}"), "sum": float(f"{(g @ formula(3000 + number, len(g))).item():.9g}"),
            "entries": [[i, float(f"{g[i].item():.9g}")] for i in dict.fromkeys(picks)]}


def choice_case(model, case):
    scores, loss, gradients, adapter = choice_run(model, case)
    scores32, _, gradients32, _ = choice_run(model.to(torch.float32), case)
    float32 = rounding(scores32 - scores, gradients32, gradients)
    norms = [g.norm().item() for g in gradients]
    print(f"{case['name']}: loss {loss:.6f}, norms of the factors' gradients {min(norms):.2e} to {max(norms):.2e}; "
          f"float32 differs by {float32}")
    factors = [selection(number, *each) for number, each in enumerate(zip(adapter.names, gradients))]
    return dict(case, scores=short(scores.flatten(), 12), loss=loss, float32=float32, factors=factors)


def float64(x):
    return torch.tensor(x, dtype=torch.float64)


def short(x, digits):
    return [float(f"{v:.{digits}g}") for v in x.tolist()]


def write(path, document):
    text = json.dumps(dict(made_by="tests/golden/generators/llama_torch.py", **document), separators=(",", ":"))
    path.write_text(text.replace('{"name"', '\n{"name"').replace('{"layer"', '\n{"layer"') + "\n")
    print(f"{path}: {path.stat().st_size} bytes, PyTorch {torch.__version__}")


def tiny_choices(case):
    """The model of a case of llama.json with rows made by the formula, under options of one token and of more."""
    vocab = case["config"]["vocab"]
    ids = [int((u + 1) / 2 * vocab) for u in formula(5000, 16).tolist()]
    rows = [{"prompt": ids[:7], "label": 1}, {"prompt": ids[7:11], "label": 0}, {"prompt": ids[11:], "label": 2}]
    common = {"of": case["name"], "lora": case["lora"], "amplitude": 0.25, "rows": rows}
    yield {"name": "options of one token", "options": [[3], [vocab // 2], [vocab - 1]], **common}
    yield {"name": "options of one to three tokens", "options": [[3, 9], [5], [8, 3, 44]], **common}


def write_tiny():
    cases = json.loads((GOLDEN / "llama.json").read_text())["cases"]
    two = next(case for case in cases if case["name"] == "two adapters")
    choices = [choice_case(tiny_model(two["config"]), case) for case in tiny_choices(two)]
    write(GOLDEN / "llama_torch.json", {"cases": [tiny_case(case) for case in cases], "choices": choices})


PROMPTS = [
    "The baker opens at seven and sells out of rye bread by nine.",
    "Light travels faster than sound, which is why we see lightning before we hear thunder.",
    "for (int i = 0; i < n; ++i)\n  sum += x[i];\n",
]
REVIEWS = [
    ("A tired story told twice too long, with jokes that nobody laughed at. It was", 0),
    ("Funny, warm and beautifully filmed: I left the cinema smiling. It was", 1),
    ("The songs are forgettable, but the last half hour is pure joy. It was", 1),
]
OPTIONS = {"review, one token": [" terrible", " great"],
           "review, more tokens": [" a waste of time", " well worth seeing"]}
ADAPTED = {"lora": {"rank": 8, "alpha": 16.0, "targets": ["q", "v"]}, "amplitude": 1 / 32}


def load(path):
    """(model in float64, encode) of a GGUF file."""
    import gguf
    import token_ids

    reader = gguf.GGUFReader(path)

    def field(key):
        return reader.fields["llama." + key].contents()

    weights = {t.name.removesuffix(".weight"): torch.from_numpy(
        np.array(gguf.quants.dequantize(t.data, t.tensor_type), dtype=np.float64)) for t in reader.tensors}
    heads = field("attention.head_count")
    config = {"layers": field("block_count"), "head_dim": field("embedding_length") // heads,
              "rope_base": field("rope.freq_base"), "norm_eps": field("attention.layer_norm_rms_epsilon"),
              "tied": "output" not in weights}
    vocabulary = token_ids.model_vocabulary(path)
    tokenizer = token_ids.reference(vocabulary, vocabulary["pre"], parse_special=False)
    return Llama(config, weights), lambda text: tokenizer.encode(text).ids


def next_tokens(model, tokens, adapter=None):
    """log P(tokens[i + 1] | tokens[0..i])."""
    with torch.no_grad():
        return model(tokens, adapter)[:-1].gather(1, torch.tensor(tokens[1:])[:, None]).flatten().double()


def prompt_cases(model, encode):
    """Log-probabilities of every prompt without and with the adapter."""
    models = [model, model.to(torch.float32)]
    adapters = [Adapter(m, ADAPTED["lora"], 1000, ADAPTED["amplitude"]) for m in models]
    cases = []
    for text in PROMPTS:
        tokens = encode(text)
        (plain, plain32), (adapted, adapted32) = (
            [next_tokens(m, tokens, a) for m, a in zip(models, each)] for each in ([None, None], adapters))
        float32 = rounding(torch.cat([plain32 - plain, adapted32 - adapted]), [], [])["log_probability"]
        print(f"{text!r}: mean log-probability {plain.mean():.4f}, with the adapter {adapted.mean():.4f}; float32 "
              f"differs by {float32}")
        cases.append({"name": text, "tokens": tokens, "float32": float32, "log_probabilities": short(plain, 12),
                      "adapted": short(adapted, 12)})
    return cases


def compare_model_with_numpy(model):
    for case in json.loads((GOLDEN / "smollm2.json").read_text())["cases"]:
        difference = (next_tokens(model, case["tokens"]) - float64(case["log_probabilities"])).abs().max()
        print(f"{case['name'][:40]!r}: NumPy's log-probabilities differ by {difference:.1e}")
        assert difference < 1e-9  # that file holds 12 digits of numbers up to 20


def write_model(path):
    model, encode = load(path)
    compare_model_with_numpy(model)
    prompts = prompt_cases(model, encode)
    rows = [{"text": text, "prompt": encode(text), "label": label} for text, label in REVIEWS]
    choices = []
    for name, words in OPTIONS.items():
        options = [encode(word) for word in words]
        choices.append(choice_case(model, {"name": name, "options": options, **ADAPTED, "rows": rows}))
    write(GOLDEN / "smollm2_torch.json", {"model": pathlib.Path(path).name, "prompts": prompts, "choices": choices})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a GGUF file of SmolLM2")
    arguments = parser.parse_args()
    if arguments.model:
        write_model(arguments.model)
    else:
        write_tiny()
