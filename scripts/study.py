"""The study of docs/results/study.md: chooses each method's options on training rows that no run trains on, then compares.

    python3 scripts/study.py --model MODEL --data ../shared/data --out build/study [--devices 0,1]

Writes OUT/rows (the rows of both parts), OUT/choose and OUT/compare (folders of `zofo compare`), OUT/chosen.json and
OUT/study.md, the tables. The same command resumes an interrupted study.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys

TASKS = ("sst2", "rte", "trec", "emotion", "subj")
CHOOSE_ON = ("sst2", "rte", "trec")
TRAIN_ROWS = DEV_ROWS = 1000  # of a training file of about 2,000
COMMON = {"batch_size": 16, "curve_points": 10, "curve_samples": 200, "early_stopping_patience": 100000}

# The candidates of each method; the first is its preset.
LORA = {"eval_steps": 100}
MEZO = {"eval_steps": 150}
BILEVEL = {"eval_steps": 20, "lower_learning_rate": 1e-3, "upper_learning_rate": 1e-3}
CANDIDATES = {
    "lora": {f"lora_{rate}": ("lora", LORA | {"lower_learning_rate": rate}) for rate in (2e-4, 5e-4, 1e-3)},
    "mezo": {f"mezo_{rate}": ("mezo", MEZO | {"zo_learning_rate": rate}) for rate in (3e-6, 1e-5, 3e-5)},
    "mezo-lora": {f"mezo-lora_{rate}": ("mezo-lora", MEZO | {"zo_learning_rate": rate}) for rate in (1e-4, 1e-3, 5e-3)},
    "bilevel": {
        "bilevel": ("bilevel", BILEVEL),
        "bilevel_T1": ("bilevel", BILEVEL | {"inner_steps": 1, "eval_steps": 50}),
        "bilevel_T10": ("bilevel", BILEVEL | {"inner_steps": 10, "eval_steps": 10}),
        "bilevel_penalty1": ("bilevel", BILEVEL | {"penalty": 1.0}),
        "bilevel_penalty100": ("bilevel", BILEVEL | {"penalty": 100.0}),
        "bilevel_p-once": ("bilevel", BILEVEL | {"upper_every_inner_step": False}),
        "bilevel_rates5e-4": ("bilevel", BILEVEL | {"lower_learning_rate": 5e-4, "upper_learning_rate": 5e-4}),
        "bilevel_rates2e-3": ("bilevel", BILEVEL | {"lower_learning_rate": 2e-3, "upper_learning_rate": 2e-3}),
        "bilevel_theta1e-5": ("bilevel", BILEVEL | {"zo_learning_rate": 1e-5}),
        "bilevel_low-rank": ("bilevel", BILEVEL | {"direction": "low-rank", "direction_rank": 2}),
        "bilevel_frozen": ("bilevel", BILEVEL | {"zo_learning_rate": 0.0}),
    },
}
CONTROLS = ("bilevel_frozen",)  # run, but not a candidate


def share_rows(data: pathlib.Path, out: pathlib.Path) -> None:
    """choose/: two disjoint parts of the training file; compare/: the first of them, and the validation file."""
    for task in TASKS:
        rows = (data / task / "train.jsonl").read_text(encoding="utf-8").splitlines()
        random.Random(0).shuffle(rows)
        held_out = (data / task / "validation.jsonl").read_text(encoding="utf-8").splitlines()
        random.Random(0).shuffle(held_out)
        train, dev = rows[:TRAIN_ROWS], rows[TRAIN_ROWS : TRAIN_ROWS + DEV_ROWS]
        for part, scored in (("choose", dev), ("compare", held_out)):
            folder = out / part / task
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "train.jsonl").write_text("\n".join(train) + "\n", encoding="utf-8")
            (folder / "validation.jsonl").write_text("\n".join(scored) + "\n", encoding="utf-8")


def toml_value(value) -> str:
    return json.dumps(value) if isinstance(value, (str, bool)) else repr(value)


def compare(arguments, part: str, tasks, seeds, seconds: float, arms, jobs: int) -> dict:
    """Runs `zofo compare` on arms {label: (method, options)} and returns the contents of compare.json."""
    lines = [
        f"model = {json.dumps(str(arguments.model.resolve()))}",
        f"data = {json.dumps(str((arguments.out / 'rows' / part).resolve()))}",
        f"tasks = {json.dumps(list(tasks))}",
        "methods = " + json.dumps([f"{label}={method}" for label, (method, _) in arms.items()]),
        f"seeds = {json.dumps(list(seeds))}",
        f"max_seconds = {float(seconds)}",
        f"max_eval_samples = {arguments.rows}",
        "[set]",
        *(f"{option} = {toml_value(value)}" for option, value in COMMON.items()),
    ]
    for label, (_, options) in arms.items():
        lines += [f'[set."{label}"]', *(f"{option} = {toml_value(value)}" for option, value in options.items())]
    plan = arguments.out / f"{part}.toml"
    plan.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = [arguments.program, "compare", "--config", plan, "--out", arguments.out / part]
    command += ["--device", arguments.device, "--jobs", str(jobs), "--threads", str(arguments.threads)]
    if arguments.device == "cuda":
        command += ["--devices", arguments.devices]
    done = subprocess.run([str(word) for word in command], check=False)
    result = json.loads((arguments.out / part / "compare.json").read_text(encoding="utf-8"))
    lost = sum("failure" in run for run in result["runs"])
    if done.returncode != 0 and not lost:  # a diverged run is reported and does not affect the others
        sys.exit(f"zofo compare: exit code {done.returncode}")
    return result


def mean_accuracy(rows, label: str) -> float:
    values = [row["accuracy"]["mean"] for row in rows if row["label"] == label]
    return sum(values) / len(values) if None not in values else 0.0  # it diverged on a task


def choose(rows) -> dict:
    """The candidate of each method with the best mean accuracy over tasks; of equal ones the first."""
    chosen = {}
    for method, candidates in CANDIDATES.items():
        open_to_choice = [label for label in candidates if label not in CONTROLS]
        best = max(open_to_choice, key=lambda label: mean_accuracy(rows, label))
        chosen[method] = candidates[best]
    name, options = chosen["bilevel"]
    chosen["bilevel-frozen"] = (name, options | {"zo_learning_rate": 0.0})
    return chosen


def cell(estimate: dict, digits: int) -> str:
    if estimate["mean"] is None:
        return "–"
    text = f"{estimate['mean']:.{digits}f}"
    return text if estimate.get("error") is None else f"{text} ± {estimate['error']:.{digits}f}"


def tables(choice, result) -> str:
    lines = ["Choice (accuracy on training rows that no run trains on, one seed):", ""]
    lines += ["| | " + " | ".join(CHOOSE_ON) + " | mean |", "|---|" + "---|" * (len(CHOOSE_ON) + 1)]
    for candidates in CANDIDATES.values():
        for label in candidates:
            row = {r["task"]: r["accuracy"]["mean"] for r in choice["rows"] if r["label"] == label}
            cells = [cell({"mean": row[task]}, 3) for task in CHOOSE_ON]
            lines.append(f"| {label} | " + " | ".join(cells) + f" | {cell({'mean': mean_accuracy(choice['rows'], label) or None}, 3)} |")
    lines += ["", "Comparison (held-out rows, mean ± standard error over seeds):", ""]
    lines += ["| | " + " | ".join(TASKS) + " | mean |", "|---|" + "---|" * (len(TASKS) + 1)]
    labels = list(dict.fromkeys(row["label"] for row in result["rows"]))
    for label in labels:
        row = {r["task"]: r for r in result["rows"] if r["label"] == label}
        cells = [cell(row[task]["accuracy"], 3) for task in TASKS]
        lines.append(f"| {label} | " + " | ".join(cells) + f" | {cell({'mean': mean_accuracy(result['rows'], label) or None}, 3)} |")
    lines += ["", "| | steps | seconds to 95 % of best: " + ", ".join(TASKS) + " | peak MiB |", "|---|---|---|---|"]
    for label in labels:
        row = {r["task"]: r for r in result["rows"] if r["label"] == label}
        steps = ", ".join(cell({"mean": row[task]["steps"]["mean"]}, 0) for task in TASKS)
        seconds = ", ".join(cell(row[task]["seconds_to_95"], 1) for task in TASKS)
        peak = max(row[task]["peak_mib"] or 0 for task in TASKS)
        lines.append(f"| {label} | {steps} | {seconds} | {peak:.0f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=pathlib.Path, default=pathlib.Path("build/release/bin/zofo"))
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/study"))
    parser.add_argument("--seconds", type=float, default=10.0, help="training time of each run of the comparison")
    parser.add_argument("--choose-seconds", type=float, default=8.0)
    parser.add_argument("--rows", type=int, default=500, help="largest number of test examples")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--device", default="cuda", choices=("cpu", "cuda"))
    parser.add_argument("--devices", default="0", help="GPUs, separated by commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--choose-jobs", type=int, default=0, help="concurrent runs while choosing; 0: two per GPU")
    parser.add_argument("--jobs", type=int, default=0, help="concurrent runs while comparing; 0: one per GPU")
    arguments = parser.parse_args()
    gpus = len(arguments.devices.split(",")) if arguments.device == "cuda" else 1
    share_rows(arguments.data, arguments.out / "rows")
    candidates = {label: arm for each in CANDIDATES.values() for label, arm in each.items()}
    choice = compare(arguments, "choose", CHOOSE_ON, [0], arguments.choose_seconds, candidates,
                     arguments.choose_jobs or 2 * gpus)
    chosen = choose(choice["rows"])
    (arguments.out / "chosen.json").write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    result = compare(arguments, "compare", TASKS, seeds, arguments.seconds, chosen,
                     arguments.jobs or gpus)
    text = tables(choice, result)
    (arguments.out / "study.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
