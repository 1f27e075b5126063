#!/usr/bin/env python3
"""How far PyTorch's bf16 is from the exact result, operation by operation.

bf16_torch.py                  writes tests/golden/bf16_error.json, measured on the CPU
bf16_torch.py --device cuda    prints the errors on a card beside the file's and writes nothing

Each entry runs one operation of a transformer twice on the same inputs, in bf16 and in float64, and holds the relative
error ‖bf16 − float64‖/‖float64‖ over all entries of the result. tests/cuda/bf16_parity_test.cpp holds zofo's CUDA
operations to twice that error against a double reference of its own.

Inputs come from the formula u(stream, i) of llama_numpy.py: input i of a tensor is offset + amplitude·u(stream, i),
row-major, rounded to bf16 (nearest, ties to even) before both runs. What the names mean:

x, w, b, gain, dy       the operation's input, weight [out, in], bias, norm gain, output gradient
rms_norm, layer_norm    F.rms_norm and F.layer_norm
rotary                  pairs (2i, 2i+1) of `heads` heads turned by position·base^(−2i/dim), position = row; cosines and
                        sines are made in float32 and rounded to the run's type, as transformers' LLaMA does
swiglu                  silu(gate)·up of x = [gate | up]
relu_mlp                relu(x w1ᵀ + b1) w2ᵀ + b2
attention               causal, each of the packed sequences `lengths` by itself, over rows [queries | keys | values];
                        F.scaled_dot_product_attention, key heads repeated for their group of query heads
log_probabilities       log softmax(x wᵀ)[row, token], logits in the run's type and softmax in float32 or wider, as
                        transformers' users do; tokens are (row·97 + j·4001 + 5) mod vocab for j < targets
OP_backward             the gradient in x for the output gradient dy
"""
import argparse
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

PATH = pathlib.Path(__file__).resolve().parents[1] / "bf16_error.json"
EPS = 1e-5
ROPE_BASE = 10000.0


def formula(stream, n):
    """u(stream, i) for i < n; every value is a multiple of 2^-15."""
    with np.errstate(over="ignore"):
        x = (np.uint64(stream) << np.uint64(32)) + np.arange(n, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return torch.from_numpy((x >> np.uint64(48)).astype(np.float64) / 32768 - 1)


def tensor(description):
    """The input of a description, already rounded to bf16, in float64."""
    values = formula(description["stream"], math.prod(description["shape"]))
    values = description["offset"] + description["amplitude"] * values
    return values.to(torch.bfloat16).double().reshape(description["shape"])


def rms_norm(s, x, gain):
    return F.rms_norm(x, (s["width"],), gain, EPS)


def layer_norm(s, x, gain, bias):
    return F.layer_norm(x, (s["width"],), gain, bias, EPS)


def rotary(s, x):
    frequency = ROPE_BASE ** (-torch.arange(0, s["dim"], 2, dtype=torch.float64, device=x.device) / s["dim"])
    angle = torch.outer(torch.arange(s["rows"], dtype=torch.float64, device=x.device), frequency)[:, None, :]
    if x.dtype != torch.float64:
        angle = angle.float()
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    even, odd = x.reshape(s["rows"], s["heads"], -1, 2).unbind(-1)
    return torch.stack((even * cos - odd * sin, odd * cos + even * sin), dim=-1).reshape(x.shape)


def swiglu(s, x):
    return F.silu(x[:, :s["ffn"]]) * x[:, s["ffn"]:]


def linear(s, x, w):
    return F.linear(x, w)


def relu_mlp(s, x, w1, b1, w2, b2):
    return F.linear(F.relu(F.linear(x, w1, b1)), w2, b2)


def attention(s, x):
    heads, kv_heads, dim = s["heads"], s["kv_heads"], s["dim"]

    def one(rows):
        q, k, v = (y.reshape(len(rows), -1, dim).transpose(0, 1)
                   for y in rows.split([heads * dim, kv_heads * dim, kv_heads * dim], dim=-1))
        k, v = (y.repeat_interleave(heads // kv_heads, dim=0) for y in (k, v))
        y = F.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
        return y.transpose(0, 1).reshape(len(rows), heads * dim)

    return torch.cat([one(rows) for rows in x.split(s["lengths"])])


def log_probabilities(s, x, w):
    logits = F.linear(x, w)
    log_p = F.log_softmax(logits if logits.dtype == torch.float64 else logits.float(), dim=-1)
    rows = torch.arange(s["rows"], device=x.device)[:, None]
    tokens = (rows * 97 + torch.arange(s["targets"], device=x.device)[None, :] * 4001 + 5) % s["vocab"]
    return log_p.gather(1, tokens)


OPERATIONS = {f.__name__: f for f in (rms_norm, layer_norm, rotary, swiglu, linear, relu_mlp, attention,
                                      log_probabilities)}


def result(entry, inputs, dtype, device):
    """What the entry's operation gives in `dtype`, in float64."""
    op = entry["op"].removesuffix("_backward")
    inputs = {name: x.to(device, dtype).detach() for name, x in inputs.items()}
    if op == entry["op"]:
        with torch.no_grad():
            return OPERATIONS[op](entry["shape"], **inputs).double()
    dy = inputs.pop("dy")
    inputs["x"].requires_grad_()
    OPERATIONS[op](entry["shape"], **inputs).backward(dy)
    return inputs["x"].grad.double()


def error(entry, device):
    inputs = {name: tensor(description) for name, description in entry["inputs"].items()}
    exact = result(entry, inputs, torch.float64, device)
    rounded = result(entry, inputs, torch.bfloat16, device)
    return float(f"{((rounded - exact).norm() / exact.norm()).item():.4g}")


def entries():
    """Every entry but for its error. Streams count up, so no two inputs share one."""
    stream = 7000

    def entry(op, shape, **inputs):
        nonlocal stream
        described = {}
        for name, (dims, amplitude, offset) in inputs.items():
            described[name] = {"shape": dims, "stream": stream, "amplitude": amplitude, "offset": offset}
            stream += 1
        return {"op": op, "shape": shape, "inputs": described}

    def plain(*dims, amplitude=1.0):
        return list(dims), amplitude, 0.0

    def gain(width):
        return [width], 0.25, 1.0

    for rows, width in [(256, 576), (128, 2048)]:
        shape, x, dy = {"rows": rows, "width": width}, plain(rows, width, amplitude=2.0), plain(rows, width)
        bias = plain(width, amplitude=0.25)
        yield entry("rms_norm", shape, x=x, gain=gain(width))
        yield entry("rms_norm_backward", shape, x=x, gain=gain(width), dy=dy)
        yield entry("layer_norm", shape, x=x, gain=gain(width), bias=bias)
        yield entry("layer_norm_backward", shape, x=x, gain=gain(width), bias=bias, dy=dy)
    yield entry("rotary", {"rows": 200, "heads": 12, "dim": 64}, x=plain(200, 12 * 64))
    shape, x = {"rows": 256, "ffn": 1536}, plain(256, 2 * 1536, amplitude=4.0)
    yield entry("swiglu", shape, x=x)
    yield entry("swiglu_backward", shape, x=x, dy=plain(256, 1536))
    yield entry("linear", {"rows": 256, "in": 576, "out": 960}, x=plain(256, 576), w=plain(960, 576, amplitude=0.0625))
    yield entry("relu_mlp", {"rows": 128, "width": 256, "ffn": 1024}, x=plain(128, 256),
                w1=plain(1024, 256, amplitude=0.125), b1=plain(1024, amplitude=0.25),
                w2=plain(256, 1024, amplitude=0.0625), b2=plain(256, amplitude=0.25))
    lengths = [150, 1, 37, 64]
    for dim, heads, kv_heads in [(64, 6, 2), (80, 4, 2), (128, 4, 1)]:
        shape = {"heads": heads, "kv_heads": kv_heads, "dim": dim, "lengths": lengths}
        x = plain(sum(lengths), (heads + 2 * kv_heads) * dim, amplitude=2.0)
        yield entry("attention", shape, x=x)
        yield entry("attention_backward", shape, x=x, dy=plain(sum(lengths), heads * dim))
    yield entry("log_probabilities", {"rows": 32, "width": 576, "vocab": 8192, "targets": 4},
                x=plain(32, 576, amplitude=2.0), w=plain(8192, 576, amplitude=0.125))


def label(entry):
    return entry["op"] + " " + " ".join(f"{key} {value}" for key, value in entry["shape"].items())


def measure(device):
    measured = [dict(entry, error=error(entry, device)) for entry in entries()]
    document = {"made_by": "tests/golden/generators/bf16_torch.py", "torch": torch.__version__, "device": device,
                "eps": EPS, "rope_base": ROPE_BASE, "entries": measured}
    for entry in measured:
        print(f"{entry['error']:.2e}  {label(entry)}")
    PATH.write_text(json.dumps(document, separators=(",", ":")).replace('{"op"', '\n{"op"') + "\n")
    print(f"{PATH}: {PATH.stat().st_size} bytes, PyTorch {torch.__version__}")


def compare(device):
    print(f"PyTorch {torch.__version__} on {torch.cuda.get_device_name()}\n   file     here  operation")
    for entry in json.loads(PATH.read_text())["entries"]:
        print(f"{entry['error']:.2e} {error(entry, device):.2e}  {label(entry)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    if arguments.device == "cpu":
        measure("cpu")
    else:
        compare(arguments.device)
