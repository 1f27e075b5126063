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

# Targets: the largest ratios of a step's time to compiled PyTorch's, of the peak memory of MeZO and of the outer step to
# that of zofo's forward pass ("peak"), and of the peak memory of a LoRA step to compiled PyTorch's (LORA_PEAK).
LORA_PEAK = 0.80
SHAPES = {
    ("opt-1.3b", 16, 128): {"forward": 0.80, "mezo_step": 0.30, "outer_step": 0.55, "lora_step": 0.70, "peak": 1.15},
    ("llama2-7b", 8, 128): {"forward": 0.90, "mezo_step": 0.28, "outer_step": 0.55, "lora_step": 0.85, "peak": 1.15},
    ("smollm2-135m", 8, 64): {"forward": 0.12, "mezo_step": 0.06, "outer_step": 0.08, "lora_step": 0.10, "peak": 1.25},
}
# zofo's steps with the names of the same work in torch_peer.py; the low-rank steps have no target.
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


def compared(value, target):
    """A ratio with its target as text, and whether it meets the target; a step without a target always does."""
    if value is None:
        return "–", target is None
    if target is None:
        return f"{value:.3f}", True
    return f"{value:.3f} {'≤' if value <= target else '> **missed**'} {target:.2f}", value <= target


def ratio(a, b):
    return None if a is None or b is None else a / b


def number(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def peak_of(step, zofo, compiled, targets):
    """The step's ratio of peak memory as (text, met)."""
    peak = zofo.get(step, {}).get("peak_gib")
    if step == "lora_step":
        text, met = compared(ratio(peak, compiled.get(PEERS[step], {}).get("peak_gib")), LORA_PEAK)
        return f"{text} of torch's", met
    if step in ("mezo_step", "outer_step"):
        text, met = compared(ratio(peak, zofo.get("forward", {}).get("peak_gib")), targets["peak"])
        return f"{text} of forward's", met
    return "", True


def table(name, torch, zofo, targets):
    """Prints a shape's table; returns whether every target is met."""
    compiled = {line["peer"]: line for line in torch if line["compile"]}
    eager = {line["peer"]: line for line in torch if not line["compile"]}
    zofo = {line["step"]: line for line in zofo}
    devices = sorted({line["device"] for line in zofo.values()})
    print(f"\n### {name[0]}, {name[1]} x {name[2]} tokens, {', '.join(devices) or 'not measured'}\n")
    print("| step | torch eager ms | compiled ms | zofo ms | zofo / compiled | x roofline | GiB torch compiled | GiB zofo "
          "| peak |\n|---|---|---|---|---|---|---|---|---|")
    all_met = True
    for step, peer in PEERS.items():
        ours, theirs = zofo.get(step, {}), compiled.get(peer, {})
        text, fast = compared(ratio(ours.get("median_ms"), theirs.get("ms")), targets.get(step))
        peak, small = peak_of(step, zofo, compiled, bars)
        cells = [step, number(eager.get(peer, {}).get("ms"), 2), number(theirs.get("ms"), 2),
                 number(ours.get("median_ms"), 2), text, number(ours.get("ratio_to_floor"), 2),
                 number(theirs.get("peak_gib"), 2), number(ours.get("peak_gib"), 2), peak]
        print("| " + " | ".join(cells) + " |")
        all_met = all_met and fast and small
    return all_met


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", nargs="*", default=[], type=pathlib.Path, help="output files of torch_peer.py")
    parser.add_argument("--zofo", nargs="*", default=[], type=pathlib.Path, help="output files of zofo_bench_llm")
    parser.add_argument("--peer", help="path of torch_peer.py: run it first")
    parser.add_argument("--bench", help="path of zofo_bench_llm: run it first")
    parser.add_argument("--shape", nargs="*", help="only these shapes")
    arguments = parser.parse_args()
    torch, zofo = run_all(arguments)
    torch = [line for path in arguments.torch for line in lines_of(path.read_text())] + torch
    zofo = [line for path in arguments.zofo for line in lines_of(path.read_text())] + zofo
    zofo = [line for line in zofo if line.get("dtype", "bf16") == "bf16" and not line.get("deterministic")
            and not line.get("recompute") and not line.get("layers")]
    met = [table(name, [x for x in torch if key(x) == name], [x for x in zofo if key(x) == name], targets)
           for name, targets in SHAPES.items() if not arguments.shape or name[0] in arguments.shape]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
