#!/usr/bin/env python3
"""Generation at batch 1 on the CPU by zofo and by llama.cpp (package xllamacpp): tokens a second of the same fp32 file.

    compare_generation.py --build build/release/bin --model MODEL.gguf [--threads 2]

`zofo export` writes the file in fp32. Both continue a prompt of --prompt tokens by --steps tokens, in turn, --rounds times; llama.cpp's
time is the server's own for the tokens after the first. The medians, and the median of the ratios of neighbours, are printed.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.request


def serve(model, threads):
    """llama.cpp with a model; prints its address and ends with standard input."""
    import xllamacpp
    p = xllamacpp.CommonParams()
    p.model.path, p.hostnames, p.port = model, ["127.0.0.1"], 18781
    p.n_ctx, p.n_parallel, p.verbosity, p.fit_params = 1024, 1, 0, False
    p.cpuparams.n_threads = p.cpuparams_batch.n_threads = int(threads)
    server = xllamacpp.Server(p)
    print("ADDRESS", server.listening_address, flush=True)
    sys.stdin.read()


class LlamaCpp:
    def __init__(self, model, threads):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", str(model), str(threads)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = next(line.split(None, 1)[1].strip() for line in self.process.stdout if line.startswith("ADDRESS"))
        if not self.address.startswith("http"):
            self.address = "http://" + self.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)

    def tokens_per_second(self, prompt, steps):
        body = {"prompt": prompt, "n_predict": steps, "temperature": 0, "cache_prompt": False, "ignore_eos": True}
        request = urllib.request.Request(self.address + "/completion", json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.loads(answer.read())["timings"]["predicted_per_second"]


def by_zofo(options, file):
    environment = os.environ | {"OMP_NUM_THREADS": str(options.threads), "OPENBLAS_NUM_THREADS": str(options.threads)}
    line = subprocess.run([options.build / "zofo_bench_generate", "--model", file, "--batch", "1", "--prompt", str(options.prompt),
                           "--steps", str(options.steps), "--json"], check=True, capture_output=True, text=True, env=environment)
    return json.loads(line.stdout)["tokens_per_second"]


def main():
    parser = argparse.ArgumentParser(description="Tokens a second of generation on the CPU, by zofo and by llama.cpp, in fp32.")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release/bin"), help="folder of the programs")
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--prompt", type=int, default=64)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = pathlib.Path(name) / "f32.gguf"
        subprocess.run([options.build / "zofo", "export", "--model", options.model, "--format", "gguf", "--dtype", "f32", "--out",
                        file], check=True, capture_output=True)
        ours, theirs = [], []
        with LlamaCpp(file, options.threads) as llama:
            prompt = [(t * 131 + 7) % 20000 for t in range(options.prompt)]
            llama.tokens_per_second(prompt, 8)  # reads the file
            for _ in range(options.rounds):
                ours.append(by_zofo(options, file))
                theirs.append(llama.tokens_per_second(prompt, options.steps))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs))
    print(f"{options.threads} threads, load {os.getloadavg()[0]:.2f}: zofo {statistics.median(ours):.1f} tokens/s "
          f"({min(ours):.1f} to {max(ours):.1f}), llama.cpp {statistics.median(theirs):.1f} ({min(theirs):.1f} to {max(theirs):.1f}); "
          f"ratio {ratio:.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] == "--serve":
        serve(*sys.argv[2:])
    else:
        main()
