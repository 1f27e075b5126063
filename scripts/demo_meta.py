#!/usr/bin/env python3
"""The demo of meta-training: four domains of sentiment; each of them once is the new domain.

    scripts/demo_meta.py --zofo PROGRAM --model MODEL --domains FOLDER --out FOLDER [--seconds N] [--draws N] [--rows N]

For each domain, a backbone is meta-trained on the three others, by bilevel meta-training and as one joint LoRA, N seconds
each. Then the unchanged model and both backbones are adapted to the domain with 5 examples. Prints a table of balanced
accuracies, and writes it with the results of all seeds to FOLDER/result.json. FOLDER/runs contains the runs.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

DOMAINS = ["movies", "products", "tweets", "editorials"]
ROWS = [("no meta-training", None, "zero"), ("joint LoRA", "joint-lora", "zero"), ("bilevel", "bilevel", "mean")]


class Failed(Exception):
    """The program failed; the message names the command and the exit code."""


def zofo(program, *arguments):
    """The JSON lines that the program prints; its messages on stderr are shown."""
    line = [str(program), *map(str, arguments)]
    done = subprocess.run(line, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(line[:2])}: exit {done.returncode}")
    return [json.loads(text) for text in done.stdout.splitlines()]


def domain(a, new):
    """Rows of the table: a name and the balanced accuracy of every sample of the examples."""
    others = [str(a.domains / each) for each in DOMAINS if each != new]
    common = ["--model", a.model, "--device", a.device, "--json"]
    for name, method, start in ROWS:
        run = []
        if method:
            folder = a.out / "runs" / f"{new}-{method}"
            print(f"demo-meta: {new} is new: {name} on the other three", file=sys.stderr, flush=True)
            rate = ["--lower-learning-rate", "1e-3"] if method == "joint-lora" else []
            zofo(a.zofo, "meta-train", *common, "--tasks", ",".join(others), "--out", folder, "--method", method, "--max-seconds",
                 a.seconds, "--max-eval-samples", "32", "--inner-steps", "2", "--seed", a.seed, "--save-seconds", "0", *rate)
            run = ["--run", folder]
        lines = zofo(a.zofo, "adapt", *common, *run, "--task", a.domains / new, "--examples", "5", "--num-seeds", a.draws,
                     "--start", start, "--max-steps", "15", "--learning-rate", "1e-3", "--max-eval-samples", a.rows, "--seed", a.seed)
        yield name, [line["balanced_accuracy"] for line in lines]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("zofo", "domains", "out"):
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--new", choices=DOMAINS, action="append", help="only this domain; may be given again")
    a = parser.parse_args()
    try:
        a.out.mkdir(parents=True)
    except FileExistsError:
        sys.exit(f"demo_meta: {a.out}: already exists: name a new folder")
    table = {}
    try:
        for new in a.new or DOMAINS:
            for name, values in domain(a, new):
                table.setdefault(name, {})[new] = values
    except Failed as error:
        print(f"demo_meta: {error}", file=sys.stderr)
        return 2
    (a.out / "result.json").write_text(json.dumps(table, indent=1) + "\n")
    news = a.new or DOMAINS
    print(f"\nbalanced accuracy on a new domain after 5 examples, mean of {a.draws} draws\n")
    print(f"{'':<18}" + "".join(f"{new:>12}" for new in news) + f"{'mean':>12}")
    for name, by_domain in table.items():
        means = [statistics.fmean(by_domain[new]) for new in news]
        print(f"{name:<18}" + "".join(f"{mean:>12.3f}" for mean in means) + f"{statistics.fmean(means):>12.3f}")
    print(f"\n{a.out}: result.json, runs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
