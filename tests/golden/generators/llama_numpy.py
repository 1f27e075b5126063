#!/usr/bin/env python3
"""Golden values of the transformer from an independent float64 NumPy LLaMA.

llama_numpy.py                      writes tests/golden/llama.json (log-probabilities and adapter gradients
                                    of tiny models; gradients are central differences)
llama_numpy.py --model MODEL.gguf   writes tests/golden/smollm2.json (needs the packages gguf and tokenizers)

The forward pass takes one sequence at a time: no packing, no cache, a full matrix of scores. Sources: Touvron
et al. 2023 (LLaMA), Su et al. 2021 (rotary positions, pairs 2i and 2i+1), Zhang & Sennrich 2019 (RMSNorm),
Shazeer 2020 (SwiGLU), Ainslie et al. 2023 (grouped queries), Hu et al. 2022 (LoRA).

Weights of the tiny models come from a formula that every language computes without rounding:
    u(stream, i) = ((splitmix64(stream·2^32 + i) >> 48) − 2^15) / 2^15        in [−1, 1)
Tensor number s (in the order of `tensor_shapes`) is amplitude·u(s, i), row-major; norm gains are
1 + u(s, i)/4; adapter a is u(1000 + a, i)/4 over its flat vector. Amplitudes are powers of two.
"""
import argparse
import json
import pathlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[1]
PROJECTIONS = ["q", "k", "v", "o", "gate", "up", "down"]
MASK = (1 << 64) - 1


def splitmix64(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def formula(stream, n):
    return np.array([((splitmix64((stream << 32) + i) >> 48) - 32768) / 32768 for i in range(n)])


def tensor_shapes(c):
    queries, keys = c["heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"]
    shapes = [("token_embd", (c["vocab"], c["width"]))]
    for i in range(c["layers"]):
        shapes += [(f"blk.{i}.attn_norm", (c["width"],)), (f"blk.{i}.attn_q", (queries, c["width"])),
                   (f"blk.{i}.attn_k", (keys, c["width"])), (f"blk.{i}.attn_v", (keys, c["width"])),
                   (f"blk.{i}.attn_output", (c["width"], queries)), (f"blk.{i}.ffn_norm", (c["width"],)),
                   (f"blk.{i}.ffn_gate", (c["ffn"], c["width"])), (f"blk.{i}.ffn_up", (c["ffn"], c["width"])),
                   (f"blk.{i}.ffn_down", (c["width"], c["ffn"]))]
    shapes.append(("output_norm", (c["width"],)))
    if not c["tied"]:
        shapes.append(("output", (c["vocab"], c["width"])))
    return shapes


def tiny_weights(c):
    weights = {}
    for stream, (name, shape) in enumerate(tensor_shapes(c)):
        u = formula(stream, int(np.prod(shape))).reshape(shape)
        weights[name] = 1 + u / 4 if name.endswith("norm") else u if name == "token_embd" else u / 2
    return weights


def adapter_layout(c, rank, targets):
    """[(layer, projection, in, out, a, b)] and the flat size: layer by layer, A [rank, in] then B [out, rank]."""
    queries, keys = c["heads"] * c["head_dim"], c["kv_heads"] * c["head_dim"]
    inputs = {"o": queries, "down": c["ffn"]}
    outputs = {"q": queries, "k": keys, "v": keys, "gate": c["ffn"], "up": c["ffn"]}
    sites, size = [], 0
    for layer in range(c["layers"]):
        for p in PROJECTIONS:
            if p in targets:
                n_in, n_out = inputs.get(p, c["width"]), outputs.get(p, c["width"])
                sites.append((layer, p, n_in, n_out, size, size + rank * n_in))
                size += rank * (n_in + n_out)
    return sites, size


def unpack(c, lora, flat):
    """{(layer, projection): (A, B)} of a flat adapter."""
    rank = lora["rank"]
    return {(layer, p): (flat[a:b].reshape(rank, n_in), flat[b:b + rank * n_out].reshape(n_out, rank))
            for layer, p, n_in, n_out, a, b in adapter_layout(c, rank, lora["targets"])[0]}


def rms_norm(x, gain, eps):
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps) * gain


def rotate(x, base):
    """x: [tokens, heads, head_dim]; the pair (2i, 2i+1) is a complex number turned by its position."""
    tokens, _, dim = x.shape
    angle = np.arange(tokens)[:, None] * base ** (-np.arange(0, dim, 2) / dim)[None, :]
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angle)[:, None, :]
    out = np.empty_like(x)
    out[..., 0::2], out[..., 1::2] = turned.real, turned.imag
    return out


def log_softmax(x):
    x = x - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def forward(c, w, tokens, lora=None, flat=None):
    """log P of the next token after each position, [tokens, vocab]."""
    factors = {} if flat is None else unpack(c, lora, flat)

    def project(x, layer, name, projection):
        y = x @ w[f"blk.{layer}.{name}"].T
        if (layer, projection) in factors:
            a, b = factors[layer, projection]
            y = y + lora["alpha"] / lora["rank"] * (x @ a.T) @ b.T
        return y

    n = len(tokens)
    hidden = w["token_embd"][tokens].astype(np.float64)
    mask = np.where(np.arange(n)[None, :] > np.arange(n)[:, None], -np.inf, 0.0)
    for i in range(c["layers"]):
        x = rms_norm(hidden, w[f"blk.{i}.attn_norm"], c["norm_eps"])
        q = rotate(project(x, i, "attn_q", "q").reshape(n, c["heads"], -1), c["rope_base"])
        k = rotate(project(x, i, "attn_k", "k").reshape(n, c["kv_heads"], -1), c["rope_base"])
        v = project(x, i, "attn_v", "v").reshape(n, c["kv_heads"], -1)
        k, v = (np.repeat(y, c["heads"] // c["kv_heads"], axis=1) for y in (k, v))
        scores = np.einsum("ihd,jhd->hij", q, k) / np.sqrt(c["head_dim"]) + mask
        attended = np.einsum("hij,jhd->ihd", np.exp(log_softmax(scores)), v).reshape(n, -1)
        hidden = hidden + project(attended, i, "attn_output", "o")
        x = rms_norm(hidden, w[f"blk.{i}.ffn_norm"], c["norm_eps"])
        gate = project(x, i, "ffn_gate", "gate")
        activation = gate / (1 + np.exp(-gate)) * project(x, i, "ffn_up", "up")
        hidden = hidden + project(activation, i, "ffn_down", "down")
    x = rms_norm(hidden, w["output_norm"], c["norm_eps"])
    return log_softmax(x @ w["token_embd" if c["tied"] else "output"].T)


def target_log_probabilities(c, w, case, adapters, forward=forward):
    rows = [forward(c, w, s["tokens"], case["lora"], None if s["adapter"] < 0 else adapters[s["adapter"]])
            for s in case["sequences"]]
    return np.array([rows[s][position, token] for s, position, token in case["targets"]])


def loss(log_p):
    """Curved, so that the derivative handed to the backward pass differs from target to target."""
    weight = 1 + np.arange(len(log_p)) % 3
    return float(np.sum(-weight * log_p + 0.05 * log_p**2))


def gradients(c, w, case, adapters, forward=forward, h=1e-5):
    result = []
    for a, flat in enumerate(adapters):
        g = np.empty_like(flat)
        for i in range(len(flat)):
            ends = []
            for sign in (1, -1):
                moved = [x.copy() for x in adapters]
                moved[a][i] += sign * h
                ends.append(loss(target_log_probabilities(c, w, case, moved, forward)))
            g[i] = (ends[0] - ends[1]) / (2 * h)
        result.append(g)
    return result


def tiny_case(name, c, lengths, which, lora):
    """Sequences of these lengths under these adapters (−1: none), with tokens by the formula."""
    sequences, targets, at = [], [], 0
    for i, (n, adapter) in enumerate(zip(lengths, which)):
        tokens = [splitmix64((2000 << 32) + at + j) % c["vocab"] for j in range(n)]
        sequences.append({"tokens": tokens, "adapter": adapter})
        at += n
        # Every position's next token, then three options at the last position (one row, many targets).
        targets += [[i, p, tokens[p + 1]] for p in range(n - 1)]
        targets += [[i, n - 1, token] for token in (0, c["vocab"] // 2, c["vocab"] - 1)]
    return {"name": name, "config": c, "lora": lora, "adapters": max(which) + 1, "sequences": sequences,
            "targets": targets}


def tiny_cases():
    small = {"vocab": 61, "width": 12, "layers": 2, "heads": 6, "kv_heads": 2, "head_dim": 4, "ffn": 20,
             "context": 16, "rope_base": 10000.0, "norm_eps": 1e-5, "tied": False}
    # More than one slice of the head's vocabulary, and one key head for each query head.
    wide = dict(small, vocab=4100, width=8, layers=1, heads=2, kv_heads=2, head_dim=6, ffn=12, tied=True,
                rope_base=100.0)

    # Widths in eights, as GPUs take them, with grouped heads.
    eights = dict(small, width=16, heads=4, head_dim=8, ffn=24, layers=2)

    for name, c, lengths, which, lora in [
            ("eights", eights, [4, 1, 6], [1, -1, 0], {"rank": 2, "alpha": 3.0, "targets": PROJECTIONS}),
            ("no adapters", small, [5, 1, 9], [-1, -1, -1], {"rank": 2, "alpha": 3.0, "targets": ["q", "v"]}),
            ("two adapters", small, [4, 7, 1, 3, 5], [0, 1, -1, 1, 0],
             {"rank": 2, "alpha": 3.0, "targets": PROJECTIONS}),
            ("wide vocabulary", wide, [3, 6], [-1, 0], {"rank": 3, "alpha": 4.0, "targets": ["v", "down"]})]:
        yield tiny_case(name, c, lengths, which, lora)


def write(path, document):
    def short(x):
        return [float(f"{v:.12g}") for v in x]

    for case in document["cases"]:
        case["log_probabilities"] = short(case["log_probabilities"])
        case["gradients"] = [short(g) for g in case.get("gradients", [])]
    path.write_text(json.dumps(document, separators=(",", ":")).replace('{"name"', '\n{"name"') + "\n")
    print(f"{path}: {path.stat().st_size} bytes")


def write_tiny():
    cases = []
    for case in tiny_cases():
        c = case["config"]
        w = tiny_weights(c)
        size = adapter_layout(c, case["lora"]["rank"], case["lora"]["targets"])[1]
        adapters = [formula(1000 + a, size) / 4 for a in range(case["adapters"])]
        case["log_probabilities"] = target_log_probabilities(c, w, case, adapters)
        case["loss"] = loss(case["log_probabilities"])
        case["gradients"] = gradients(c, w, case, adapters)
        cases.append(case)
    write(FOLDER / "llama.json", {"made_by": "tests/golden/generators/llama_numpy.py", "cases": cases})


PROMPTS = [
    "The capital of France is the city of Paris.",
    "Water boils at a hundred degrees",
    "Review: the plot was thin but the actors were wonderful.\nSentiment: good",
    "Once upon a time, in a village by the sea, an old fisherman told his granddaughter a story about the "
    "lighthouse: every winter the lamp burned blue for a night, and nobody ever learned why.",
    "def add(a, b):\n    return a + b\n",
]


def write_model(path):
    import gguf
    from gguf import quants
    import token_ids

    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields[key].contents()  # noqa: E731
    w = {t.name.removesuffix(".weight"): quants.dequantize(t.data, t.tensor_type).astype(np.float64)
         for t in reader.tensors}
    heads = field("llama.attention.head_count")
    c = {"layers": field("llama.block_count"), "heads": heads, "kv_heads": field("llama.attention.head_count_kv"),
         "head_dim": field("llama.embedding_length") // heads, "rope_base": field("llama.rope.freq_base"),
         "norm_eps": field("llama.attention.layer_norm_rms_epsilon"), "tied": "output" not in w}
    vocabulary = token_ids.model_vocabulary(path)
    tokenizer = token_ids.reference(vocabulary, vocabulary["pre"], parse_special=False)
    cases = []
    for prompt in PROMPTS:
        tokens = tokenizer.encode(prompt).ids
        rows = forward(c, w, tokens)
        log_p = [rows[p, t] for p, t in enumerate(tokens[1:])]
        print(f"{np.mean(log_p):8.4f} mean log-probability: {prompt!r}")
        cases.append({"name": prompt, "tokens": tokens, "log_probabilities": log_p})
    write(FOLDER / "smollm2.json", {"made_by": "tests/golden/generators/llama_numpy.py", "model": pathlib.Path(path).name,
                                    "cases": cases})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a GGUF file of SmolLM2")
    arguments = parser.parse_args()
    if arguments.model:
        write_model(arguments.model)
    else:
        write_tiny()
