#!/usr/bin/env python3
"""A published GGUF file: log-probabilities by `zofo score`, by llama.cpp (package xllamacpp), and of the same weights in fp32.

real_model.py PATH_OF_ZOFO MODEL.gguf

20 prompts with six options each. Token ids must be llama.cpp's. `zofo export --dtype f32` writes the weights as this library
dequantises them; they must equal those by the package gguf, and `zofo score` of that file and of MODEL must agree to 1e-4.
Log-probabilities must agree with llama.cpp's of the fp32 file to 2e-2. llama.cpp's of MODEL itself are printed too: it rounds the
activations that meet quantised weights to 8 bits, which this library does not.

Runs on the CPU with 2 threads, a minute for 494M weights; pip install gguf numpy xllamacpp.
"""
import json
import pathlib
import sys
import tempfile

import gguf
import numpy

from export_gguf import LlamaCpp, zofo, zofo_ids

PROMPTS = [
    "The mill was great; the bread it gave was", "a gripping, deeply felt film . It was", "The capital of France is",
    "Water boils at a temperature of 100 degrees", "def add(a, b):\n    return a +", "for (int i = 0; i < n; ++",
    "SELECT name FROM users WHERE age >", "import numpy as", "The opposite of hot is", "Question: is 17 a prime number? Answer:",
    "#include <iostream>\nint main() {\n  std::cout <<", "na\u00efve caf\u00e9  1234 don't\n\n x", "\u6771\u4eac \u96e8\u304c\u964d\u308b \U0001f600",
    "\u0421\u0442\u043e\u043b\u0438\u0446\u0430 \u0420\u043e\u0441\u0441\u0438\u0438 \u2014", "The quick brown fox jumps over the lazy", "1, 1, 2, 3, 5, 8, 13,",
    "Dear Sir or Madam,\n\nI am writing to", "{\"name\": \"Ada\", \"born\":", "an hour and a half of boredom . It was", "Once upon a time there was a",
]
OPTIONS = [" terrible", " great", " 5", " b", " the", " good and bad"]


def scores(model):
    lines = "".join(json.dumps({"prompt": text, "options": OPTIONS}) + "\n" for text in PROMPTS)
    return numpy.array([json.loads(line)["logprobs"] for line in zofo("score", "--model", model, stdin=lines).splitlines()])


def by_llama_cpp(model, rows, prompts, options):
    with LlamaCpp(model) as llama:
        if [llama.ids(text) for text in PROMPTS] != prompts:
            raise SystemExit("WRONG: llama.cpp has other token ids")
        return numpy.array([[llama.log_probability(p, o, rows) for o in options] for p in prompts])


def weights_differ(a, b):
    """Names of tensors that are not equal; both readers by the package gguf, in the file's own order of rows."""
    left = {t.name: t for t in gguf.GGUFReader(a).tensors}
    right = {t.name: t for t in gguf.GGUFReader(b).tensors}
    return [name for name in left.keys() | right.keys() if name not in left or name not in right or not numpy.array_equal(
        *(gguf.quants.dequantize(t.data, t.tensor_type) for t in (left[name], right[name])))]


def main():
    model, failed = pathlib.Path(sys.argv[2]), False

    def check(what, off, allowed):
        nonlocal failed
        failed |= not off <= allowed
        print(f"{'ok' if off <= allowed else 'WRONG'}: {what}: {off:.2g}, at most {allowed:g}", flush=True)

    fields = gguf.GGUFReader(model).fields
    rows = len(fields["tokenizer.ggml.tokens"].data)
    wanted = scores(model)
    prompts, options = [zofo_ids(model, text) for text in PROMPTS], [zofo_ids(model, text) for text in OPTIONS]
    with tempfile.TemporaryDirectory() as name:
        exact = pathlib.Path(name) / "f32.gguf"
        zofo("export", "--model", model, "--format", "gguf", "--dtype", "f32", "--out", exact)
        check("tensors that differ from the package gguf's", len(weights_differ(model, exact)), 0)
        check("log-probabilities of the fp32 file by zofo differ by", numpy.abs(scores(exact) - wanted).max(), 1e-4)
        check("log-probabilities of the fp32 file by llama.cpp differ by",
              numpy.abs(by_llama_cpp(exact, rows, prompts, options) - wanted).max(), 2e-2)
    off = numpy.abs(by_llama_cpp(model, rows, prompts, options) - wanted)
    print(f"log-probabilities of the file itself by llama.cpp differ by {off.max():.2g} at most, {numpy.median(off):.2g} in the median")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
