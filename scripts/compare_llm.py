#!/usr/bin/env python3
"""Compares zofo's CUDA transformer with PyTorch's, step by step, and checks the targets of each ratio.

compare_llm.py --torch FILE… --zofo FILE…          reads the lines of torch_peer.py and of zofo_bench_llm
compare_llm.py --peer torch_peer.py --bench PROGRAM  runs both first, one shape after the other, on this machine's GPU

Each file has one JSON object per line; other lines are ignored. Of several lines about one measurement the last
counts. Prints a Markdown table per shape. The reference of every ratio is compiled PyTorch, except that the peak memory
of MeZO and of an outer step is compared with zofo's own forward pass. Exit code 1 if a target is missed or a
measurement is absent.
"""
import argparse
import json
import pathlib
import subprocess
import sys

# Most of compiled PyTorch's time that a step may take; most of the own forward's peak that MeZO's and the outer step's
# may be; most of compiled PyTorch's LoRA peak.
LORA_PEAK = 0.80
SHAPES = {
    ("opt-1.3b", 16, 128): {"forward": 0.80, "mezo_step": 0.30, "outer_step": 0.55, "lora_step": 0.70, "peak": 1.15},
    ("llama2-7b", 8, 128): {"forward": 0.90, "mezo_step": 0.28, "outer_step": 0.55, "lora_step": 0.85, "peak": 1.15},
    ("smollm2-135m", 8, 64): {"forward": 0.12, "mezo_step": 0.06, "outer_step": 0.08, "lora_step": 0.10, "peak": 1.25},
}
# zofo's steps by the name that torch_peer.py gives the same work; the low-rank ones are measured without a bar.
PEERS = {"forward": "forward", "mezo_step": "mezo_step", "outer_step": "bilevel_outer_theta",
         "outer_step_low_rank": "bilevel_outer_theta", "lora_step": "lora_step", "probes16_low_rank": None}


def key(line):
    return line["shape"], line["batch"], line["seq"]


def lines_of(text):
    """The JSON objects among the lines of a text."""
    for line in text.splitlines():
        if line.lstrip().startswith("{"):
            yield json.loads(line)


def measured(command):
    print("running", " ".join(command), file=sys.stderr, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{command[0]} ended with {done.returncode}", file=sys.stderr)
    return list(lines_of(done.stdout))


def run_all(arguments):
    torch, zofo = [], []
    for shape, batch, seq in SHAPES:
        if arguments.shape and shape not in arguments.shape:
            continue
        if arguments.peer:
            peer = [sys.executable, arguments.peer, shape, str(batch), str(seq)]
            torch += measured(peer) + measured(peer + ["--compile"])
        if arguments.bench:
            zofo += measured([arguments.bench, "--shape", shape, "--batch", str(batch), "--seq", str(seq), "--json"])
    return torch, zofo


def judged(value, bar):
    """A ratio with its bar, and whether it keeps to it; no bar: kept."""
    if value is None:
        return "–", bar is None
    if bar is None:
        return f"{value:.3f}", True
    return f"{value:.3f} {'≤' if value <= bar else '> **missed**'} {bar:.2f}", value <= bar


def ratio(a, b):
    return None if a is None or b is None else a / b


def number(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def peak_of(step, zofo, compiled, bars):
    """The step's peak ratio as (text, kept)."""
    peak = zofo.get(step, {}).get("peak_gib")
    if step == "lora_step":
        text, kept = judged(ratio(peak, compiled.get(PEERS[step], {}).get("peak_gib")), LORA_PEAK)
        return f"{text} of torch's", kept
    if step in ("mezo_step", "outer_step"):
        text, kept = judged(ratio(peak, zofo.get("forward", {}).get("peak_gib")), bars["peak"])
        return f"{text} of forward's", kept
    return "", True


def table(name, torch, zofo, bars):
    """Prints a shape's table; returns whether every bar is kept."""
    compiled = {line["peer"]: line for line in torch if line["compile"]}
    eager = {line["peer"]: line for line in torch if not line["compile"]}
    zofo = {line["step"]: line for line in zofo}
    devices = sorted({line["device"] for line in zofo.values()})
    print(f"\n### {name[0]}, {name[1]} x {name[2]} tokens, {', '.join(devices) or 'not measured'}\n")
    print("| step | torch eager ms | compiled ms | zofo ms | zofo / compiled | x floor | GiB torch compiled | GiB zofo "
          "| peak |\n|---|---|---|---|---|---|---|---|---|")
    all_kept = True
    for step, peer in PEERS.items():
        ours, theirs = zofo.get(step, {}), compiled.get(peer, {})
        text, fast = judged(ratio(ours.get("median_ms"), theirs.get("ms")), bars.get(step))
        peak, small = peak_of(step, zofo, compiled, bars)
        cells = [step, number(eager.get(peer, {}).get("ms"), 2), number(theirs.get("ms"), 2),
                 number(ours.get("median_ms"), 2), text, number(ours.get("ratio_to_floor"), 2),
                 number(theirs.get("peak_gib"), 2), number(ours.get("peak_gib"), 2), peak]
        print("| " + " | ".join(cells) + " |")
        all_kept = all_kept and fast and small
    return all_kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", nargs="*", default=[], type=pathlib.Path, help="files of torch_peer.py's lines")
    parser.add_argument("--zofo", nargs="*", default=[], type=pathlib.Path, help="files of zofo_bench_llm's lines")
    parser.add_argument("--peer", help="torch_peer.py, to be run")
    parser.add_argument("--bench", help="zofo_bench_llm, to be run")
    parser.add_argument("--shape", nargs="*", help="these shapes only")
    arguments = parser.parse_args()
    torch, zofo = run_all(arguments)
    torch = [line for path in arguments.torch for line in lines_of(path.read_text())] + torch
    zofo = [line for path in arguments.zofo for line in lines_of(path.read_text())] + zofo
    zofo = [line for line in zofo if line.get("dtype", "bf16") == "bf16" and not line.get("deterministic")
            and not line.get("recompute") and not line.get("layers")]
    kept = [table(name, [x for x in torch if key(x) == name], [x for x in zofo if key(x) == name], bars)
            for name, bars in SHAPES.items() if not arguments.shape or name[0] in arguments.shape]
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
