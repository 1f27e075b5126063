#!/usr/bin/env python3
"""Tables, tests and curves from the results of scripts/meta_study.py.

    scripts/meta_table.py RESULTS.jsonl [--figures FOLDER]

prints Markdown: mean balanced accuracy and accuracy over new tasks, meta seeds and draws with standard errors over draws
(a draw's figure is its mean over tasks and meta seeds); the gain over no meta-training with a 95 % interval and a
two-sided p-value from a paired bootstrap (draws of each task and meta seeds resampled, the same draws for both methods);
the gain of other ways to update θ over the same steps with a fixed θ; the final loss of the training tasks; and the
three statements that must hold. Standard library; figures need matplotlib.
"""

import argparse
import collections
import json
import pathlib
import random
import statistics
import sys

RESAMPLES = 2000


def read(path):
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            sys.exit(f"meta_table: {path}:{number}: {error}")
    if not rows:
        sys.exit(f"meta_table: {path}: no rows")
    return rows


def count_of(row):
    return f"{row['examples']}" if "examples" in row else f"{row['shots']} a class"


class Cell:
    """The results of one backbone, start and number of examples: [meta seed][task][sample of the examples]."""

    def __init__(self):
        self.rows = collections.defaultdict(lambda: collections.defaultdict(dict))

    def add(self, row):
        self.rows[row["meta_seed"]][row["task"]][row["seed"]] = row

    def of_seeds(self, seeds):
        """The results of these meta seeds; all results if the backbone has no meta seeds."""
        part = Cell()
        part.rows.update({seed: tasks for seed, tasks in self.rows.items() if seed in seeds})
        return part if part.rows else self

    def tasks(self):
        return sorted(set.intersection(*(set(tasks) for tasks in self.rows.values())))

    def draws(self, task):
        return sorted(set.intersection(*(set(tasks[task]) for tasks in self.rows.values())))

    def figures(self, field):
        """{sample: mean over tasks and meta seeds}, of the samples that all tasks have."""
        common = sorted(set.intersection(*(set(self.draws(task)) for task in self.tasks())))
        return {draw: statistics.fmean(tasks[task][draw][field] for tasks in self.rows.values() for task in self.tasks())
                for draw in common}

    def mean(self, field):
        return statistics.fmean(self.figures(field).values())

    def error(self, field):
        values = list(self.figures(field).values())
        return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")

    def by_task(self, field):
        return {task: statistics.fmean(tasks[task][draw][field] for tasks in self.rows.values()
                                       for draw in self.draws(task)) for task in self.tasks()}


def bootstrap(cell, base, field="balanced_accuracy", resamples=RESAMPLES):
    """(difference, low, high, p) of the means, paired by task and sample."""
    tasks = [task for task in cell.tasks() if task in base.tasks()]
    draws = {task: [d for d in cell.draws(task) if d in base.draws(task)] for task in tasks}
    seeds, base_seeds = sorted(cell.rows), sorted(base.rows)

    def table(of, which):
        return [[[of.rows[seed][task][draw][field] for draw in draws[task]] for task in tasks] for seed in which]

    a, b = table(cell, seeds), table(base, base_seeds)

    def mean(values, which, picked):
        total = 0.0  # plain sums: this is called thousands of times
        for s in which:
            for t, draws_of in enumerate(picked):
                row = values[s][t]
                total += sum([row[d] for d in draws_of]) / len(draws_of)
        return total / (len(which) * len(picked))

    every = [range(len(draws[task])) for task in tasks]
    difference = mean(a, range(len(a)), every) - mean(b, range(len(b)), every)
    rng = random.Random(1)
    seen = []
    for _ in range(resamples):
        picked = [rng.choices(each, k=len(each)) for each in every]
        which = rng.choices(range(len(a)), k=len(a))
        seen.append(mean(a, which, picked) - mean(b, rng.choices(range(len(b)), k=len(b)), picked))
    seen.sort()
    below = (sum(value <= 0 for value in seen) + 1) / (resamples + 1)
    above = (sum(value >= 0 for value in seen) + 1) / (resamples + 1)
    return (difference, seen[int(0.025 * resamples)], seen[int(0.975 * resamples) - 1], min(1.0, 2 * min(below, above)))


def cells_of(rows):
    cells = collections.defaultdict(Cell)
    for row in rows:
        cells[row["unit"].partition(":")[0], row["start"], count_of(row)].add(row)
    return cells


def main_table(cells):
    counts = [c for c in ("5", "16 a class") if any(key[2] == c for key in cells)]
    print("| backbone | start | examples | meta seeds | balanced accuracy | accuracy | gain [95 %] | p |")
    print("|---|---|---|---|---|---|---|---|")
    for count in counts:
        base = cells.get(("none", "zero", count))
        for (unit, start, each), cell in cells.items():
            if each != count:
                continue
            gain = "–", "–"
            if base is not None and cell is not base:
                d, low, high, p = bootstrap(cell, base)
                gain = f"{d:+.3f} [{low:+.3f}, {high:+.3f}]", f"{p:.4f}"
            print(f"| {unit} | {start} | {count} | {len(cell.rows)} | {cell.mean('balanced_accuracy'):.3f} ± "
                  f"{cell.error('balanced_accuracy'):.3f} | {cell.mean('accuracy'):.3f} ± {cell.error('accuracy'):.3f} | "
                  f"{gain[0]} | {gain[1]} |")


def pair_table(cells):
    """Compares methods with their controls."""
    print("\n| comparison | examples | difference [95 %] | p |")
    print("|---|---|---|---|")
    pairs = [(f"bilevel {rate}", f"drift {rate}", start, start) for rate in ("1e-7", "1e-6", "3e-6")
             for start in ("zero", "mean")]
    pairs += [(f"bilevel {rate}", "frozen", "mean", "mean") for rate in ("1e-7", "1e-6", "3e-6")]
    for count in ("5", "16 a class"):
        for left, right, left_start, right_start in pairs:
            a, b = cells.get((left, left_start, count)), cells.get((right, right_start, count))
            if a is None or b is None:
                continue
            d, low, high, p = bootstrap(a, b)
            print(f"| {left} − {right}, start {left_start} | {count} | {d:+.3f} [{low:+.3f}, {high:+.3f}] | {p:.4f} |")


def regime_table(rows, cells):
    """Other ways to update θ, compared with the same adapters and steps at a fixed θ. For adapters that start at zero,
    that control is no meta-training at all."""
    regimes = {}
    for row in rows:
        if "control" in row:
            regimes.setdefault(row["unit"], row["control"])
    if not regimes:
        return
    print("\n| regime | control | start | examples | meta seeds | gain over the control [95 %] | p | moved |")
    print("|---|---|---|---|---|---|---|---|")
    for unit, control in regimes.items():
        moved = {row["meta_seed"]: row["moved"] for row in rows if row["unit"] == unit}
        length = f"{statistics.fmean(moved.values()):.3g}"
        for start in ("zero", "mean"):
            against = control if start == "mean" else "none"
            for count in ("5", "16 a class"):
                cell, base = cells.get((unit, start, count)), cells.get((against, start, count))
                if cell is None:
                    continue
                gain = "not measured", "–"
                if base is not None:
                    d, low, high, p = bootstrap(cell, base.of_seeds(cell.rows))
                    gain = f"{d:+.3f} [{low:+.3f}, {high:+.3f}]", f"{p:.4f}"
                print(f"| {unit} | {against} | {start} | {count} | {len(cell.rows)} | {gain[0]} | {gain[1]} | {length} |")


def task_table(cells):
    tasks = sorted({task for cell in cells.values() for task in cell.tasks()})
    print("\n| backbone | start | examples | " + " | ".join(tasks) + " |")
    print("|---" * (3 + len(tasks)) + "|")
    for (unit, start, count), cell in cells.items():
        if count in ("5", "16 a class"):
            values = cell.by_task("balanced_accuracy")
            print(f"| {unit} | {start} | {count} | " +
                  " | ".join(f"{values[t]:.3f}" if t in values else "–" for t in tasks) + " |")


def training_table(rows):
    seen = {}
    for row in rows:
        if row.get("meta_loss") is not None:
            seen[row["unit"], row["meta_seed"]] = row
    print("\n| backbone | seed | training tasks' loss before → after | steps | seconds | moved |")
    print("|---|---|---|---|---|---|")
    for (unit, seed), row in seen.items():
        print(f"| {unit} | {seed} | {row['meta_loss_before']:.3f} → {row['meta_loss']:.3f} | "
              f"{row['meta_steps']} | {row['meta_seconds']:.1f} | {row['moved']:.1f} |")
    return seen


def statements(cells, trained):
    print("\n| statement | measured | holds |")
    print("|---|---|---|")
    base = cells.get(("none", "zero", "5"))
    for unit, start, text in (("joint-lora", "zero", "joint LoRA ≥ +0.03 at 5 examples"),
                              ("frozen", "mean", "mean-p start ≥ +0.03 at 5 examples")):
        cell = cells.get((unit, start, "5"))
        if cell is None or base is None:
            print(f"| {text} | not measured | – |")
            continue
        d, low, high, _ = bootstrap(cell, base)
        print(f"| {text} | {d:+.3f} [{low:+.3f}, {high:+.3f}] | {'yes' if d >= 0.03 else 'no'} |")
    mezo = [row for (unit, _), row in trained.items() if unit == "joint-mezo"]
    text = "joint MeZO lowers the training tasks' loss to ≤ 0.95"
    if not mezo:
        print(f"| {text} | not measured | – |")
        return
    before = statistics.fmean(row["meta_loss_before"] for row in mezo)
    after = statistics.fmean(row["meta_loss"] for row in mezo)
    print(f"| {text} | {before:.2f} → {after:.2f} | {'yes' if after <= 0.95 else 'no'} |")


def figures(cells, folder):
    try:
        import matplotlib
    except ImportError:
        sys.exit("meta_table: --figures needs matplotlib (Debian: python3-matplotlib)")
    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(figsize=(6, 4))
    for unit, start in (("none", "zero"), ("joint-lora", "zero"), ("frozen", "mean")):
        points = []
        for number in (1, 5, 16, 64):
            cell = cells.get((unit, start, f"{number} a class"))
            if cell:
                shared = [t for t in cell.tasks() if t not in ("poem_sentiment", "trec")]
                values = cell.by_task("balanced_accuracy")
                if shared:
                    points.append((number, statistics.fmean(values[t] for t in shared)))
        if points:
            axes.plot(*zip(*points), marker="o", label=f"{unit}, start {start}")
    axes.set_xscale("log", base=2)
    axes.set_xlabel("examples a class")
    axes.set_ylabel("balanced accuracy (tasks with 64 a class)")
    axes.legend()
    figure.savefig(folder / "meta-examples.svg")
    figure, axes = plt.subplots(figsize=(6, 4))
    for unit, start in (("joint-lora", "zero"), ("frozen", "mean")):
        for count in ("5", "16 a class"):
            points = [(share, cells[name, start, count].mean("balanced_accuracy"))
                      for share, name in ((1 / 8, f"{unit} /8"), (1 / 4, f"{unit} /4"), (1 / 2, f"{unit} /2"), (1, unit))
                      if (name, start, count) in cells]
            if points:
                axes.plot(*zip(*points), marker="o", label=f"{unit}, start {start}, {count}")
    axes.set_xlabel("share of the meta-training steps")
    axes.set_ylabel("balanced accuracy")
    axes.legend()
    figure.savefig(folder / "meta-time.svg")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=pathlib.Path)
    parser.add_argument("--figures", type=pathlib.Path)
    arguments = parser.parse_args()
    rows = read(arguments.results)
    cells = cells_of(rows)
    main_table(cells)
    pair_table(cells)
    regime_table(rows, cells)
    task_table(cells)
    statements(cells, training_table(rows))
    if arguments.figures:
        figures(cells, arguments.figures)


if __name__ == "__main__":
    main()
