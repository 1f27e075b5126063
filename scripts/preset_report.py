"""The page of the results of scripts/preset_search.py, which calls page(). Standard library only."""

import collections
import json
import math
import pathlib
import random
import statistics
import sys

LIMIT = 3.0      # the largest relative loss that counts, and that of a divergence
WITHIN = 1.1     # of the best loss of the grid
RESAMPLES = 2000
RULE = f"lowest mean over tasks of min({LIMIT:g}, loss / best loss of the grid); a divergence counts as {LIMIT:g}"


def read(path: pathlib.Path) -> list[dict]:
    """The rows of a file of results. An incomplete last line, which a killed search leaves, is left out."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    complete = text[:text.rfind("\n") + 1]
    try:
        return [json.loads(line) for line in complete.splitlines()]
    except ValueError as error:
        sys.exit(f"{path}: {error}")


class Table:
    """The losses of one method: loss[task][rate], infinite for a divergence; absent where a run failed or is missing."""

    def __init__(self, rows: list[dict], zero: dict[str, float], check: str) -> None:
        settings = {tuple(row[name] for name in ("steps", "batch_size", "max_prompt_tokens", "seed", "model", "device"))
                    for row in rows}
        if len(settings) > 1:
            sys.exit(f"method {rows[0]['method']}: rows with different settings: {sorted(settings)}: must be one")
        self.rows, self.zero = rows, zero
        self.rates = sorted({row["rate"] for row in rows})
        self.loss: dict[str, dict[float, float]] = collections.defaultdict(dict)
        for row in rows:  # of two rows of one run, a repetition, the last is used
            self.loss[row["task"]].pop(row["rate"], None)
            if row["status"] in ("done", "diverged"):
                self.loss[row["task"]][row["rate"]] = row["after"]["loss"] if row["status"] == "done" else math.inf
        tried = [task for task in sorted(self.loss) if task != check]
        # An interrupted search: a rate that half of the tasks lack is not open to choice, nor is a task that lacks another.
        self.eligible = [rate for rate in self.rates
                         if 2 * sum(rate in self.loss[task] for task in tried) >= max(1, len(tried))]
        self.tasks = [task for task in tried if self.complete(task)]

    def complete(self, task: str) -> bool:
        return task in self.zero and bool(self.eligible) and all(rate in self.loss[task] for rate in self.eligible)

    def best(self, task: str) -> float:
        return min(self.loss[task][rate] for rate in self.eligible)

    def relative(self, task: str, rate: float) -> float:
        """Loss over that of the task's best rate."""
        best, loss = self.best(task), self.loss[task][rate]
        return min(LIMIT, loss / max(best, 1e-6)) if math.isfinite(loss) else LIMIT

    def to_zero_shot(self, task: str, rate: float) -> float:
        return min(LIMIT, self.loss[task][rate] / max(self.zero[task], 1e-6))

    def within(self, task: str, rate: float) -> float:
        return float(math.isfinite(self.loss[task][rate]) and self.loss[task][rate] <= WITHIN * self.best(task))

    def choose(self, tasks: list[str]) -> float | None:
        """The rate with the lowest mean relative loss; of equal ones the smallest."""
        if not tasks:
            return None
        return min(self.eligible, key=lambda rate: (sum(self.relative(task, rate) for task in tasks), rate))


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % interval of the mean from a percentile bootstrap over tasks, always with the same samples."""
    rng = random.Random(0)
    means = sorted(statistics.fmean(rng.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return means[round(0.025 * (RESAMPLES - 1))], means[round(0.975 * (RESAMPLES - 1))]


def with_interval(values: list[float], scale: float = 1.0, digits: int = 3) -> str:
    low, high = interval(values)
    return f"{scale * statistics.fmean(values):.{digits}f} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows), ""]


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if math.isfinite(value) else "diverged"


def choices(tables: dict, methods: dict) -> list[str]:
    rows = []
    for name, each in tables.items():
        rate, count = each.choose(each.tasks), len(each.tasks)
        if rate is None:
            rows.append([f"`{name}`", options(methods[name]), f"{methods[name].preset:g}", "–", "no task has all rates", "", ""])
            continue
        edge = " (largest of the grid)" if rate == each.eligible[-1] else " (smallest of the grid)" if rate == each.eligible[0] else ""
        others = [each.choose([t for t in each.tasks if t != task]) for task in each.tasks]
        left_out = sum(each.within(task, other) for task, other in zip(each.tasks, others) if other is not None)
        before = next((r for r in each.eligible if math.isclose(r, methods[name].preset, rel_tol=0.02)), None)
        rows.append([f"`{name}`", options(methods[name]), f"{methods[name].preset:g}", f"**{rate:g}**{edge}",
                     f"{sum(each.within(task, rate) for task in each.tasks):.0f} of {count}",
                     f"{left_out:.0f} of {count}" if count > 1 else "–",
                     "–" if before is None else f"{sum(each.within(task, before) for task in each.tasks):.0f} of {count}"])
    return table(["method", "option", "before", "chosen", "within 10 %", "within 10 %, choice without the task",
                  "within 10 %, rate before"], rows)


def options(method) -> str:
    return ", ".join(f"`{option.replace('-', '_')}`" for option in method.options.split())


def by_rate(each: Table) -> list[str]:
    rows, chosen = [], each.choose(each.tasks)
    for rate in each.rates:
        diverged = sum(losses.get(rate) == math.inf for losses in each.loss.values())
        name = f"**{rate:g}**" if rate == chosen else f"{rate:g}"
        if rate not in each.eligible or not each.tasks:
            rows.append([name, "incomplete", "", "", "", f"{diverged}"])
            continue
        of = lambda measure: [measure(task, rate) for task in each.tasks]  # noqa: E731
        worse = sum(each.loss[task][rate] > each.zero[task] for task in each.tasks)
        rows.append([name, with_interval(of(each.relative)), with_interval(of(each.to_zero_shot)),
                     with_interval(of(each.within), len(each.tasks), 0), f"{worse}", f"{diverged}"])
    return table(["rate", "loss / best", "loss / zero-shot", "tasks within 10 %", "worse than zero-shot", "diverged"], rows)


def by_task(tables: dict, zero: dict, check: str) -> list[str]:
    rows = []
    for task in sorted(zero, key=lambda task: (task == check, task)):
        cells = []
        for each in tables.values():
            losses = each.loss.get(task, {})
            best = min(losses.values(), default=None)
            cells.append(" ".join(f"**{number(best)}**" if r in losses and losses[r] == best and best != math.inf else number(losses.get(r))
                                  for r in each.rates))
        rows.append([task, number(zero[task]), *cells])
    heads = [f"{name}: {', '.join(f'{rate:g}' for rate in each.rates)}" for name, each in tables.items()]
    return table(["task", "zero-shot", *heads], rows)


def metrics(tables: dict, rows: list[dict], zero: dict) -> list[str]:
    """The tasks' metrics, zero-shot and at the chosen rates."""
    def score(row: dict) -> str:
        return number(row["after"].get(row["metric"]))
    of = {(row["task"], row["method"], row["rate"]): (row["metric"], score(row)) for row in rows if row["status"] == "done"}
    lines = []
    for task in sorted(zero):
        metric, start = of[task, "zero-shot", None]
        lines.append([task, metric, start, *(of.get((task, name, each.choose(each.tasks)), ("", "–"))[1] for name, each in tables.items())])
    return table(["task", "metric", "zero-shot", *(f"`{name}`" for name in tables)], lines)


def of_check(tables: dict, check: str) -> list[str]:
    rows = []
    for name, each in tables.items():
        rate = each.choose(each.tasks)
        if rate is None or not each.complete(check):
            continue
        best = min(each.eligible, key=lambda r: (each.loss[check][r], r))
        rows.append([f"`{name}`", number(each.zero[check]), f"{rate:g}", number(each.loss[check][rate]), f"{best:g}",
                     number(each.loss[check][best]), f"{each.relative(check, rate):.3f}"])
    if not rows:
        return []
    return ["## The demo's task", "", f"`{check}` has no part in the choice.", "",
            *table(["method", "zero-shot", "chosen rate", "its loss", "best rate", "its loss", "ratio"], rows)]


def page(rows: list[dict], methods: dict, check: str, name: str) -> str:
    """The Markdown of all rows; `check` is the task without a part in the choice, `name` the page's path."""
    searches = [row for row in rows if row["kind"] == "search"]
    runs = [row for row in rows if row["kind"] == "run"]
    zero = {row["task"]: row["after"]["loss"] for row in runs if row["method"] == "zero-shot" and row["status"] == "done"}
    tables = {name: Table(of, zero, check) for name in methods if (of := [row for row in runs if row["method"] == name])}
    if not tables:
        sys.exit("the results have no run of a method")
    latest = {(row["task"], row["method"], row["rate"]): row for row in runs}.values()
    status = collections.Counter(row["status"] for row in latest)
    first, last = runs[0], searches[-1] if searches else {}
    steps = ", ".join(f"`{name}` {each.rows[0]['steps']}" for name, each in tables.items())
    where = f"one {last['gpu']}, " if last.get("gpu") else ""
    lines = [
        "# Learning rates of the presets", "",
        "The learning rate in a method's preset is chosen by a search over the training examples of the tasks in `tasks`:", "",
        "<!-- not run: needs a GPU, a model and data -->", "```sh",
        "scripts/preset_search.py --prepare DATA,DEMO --rows build/presets/rows",
        f"scripts/preset_search.py --model MODEL --rows build/presets/rows --out build/presets --jobs {last.get('jobs', 1)}",
        f"scripts/preset_search.py --out build/presets --report {name}", "```", "",
        "DATA and DEMO are folders of TASK/train.jsonl; `./run fetch` prints the model and the demo's task, which is in DEMO. "
        "The second command resumes an interrupted search; `--seconds` bounds it. The third command writes this page.", "",
        *table(["", ""], [
            ["model", f"{first['model']}, {'bf16 on the GPU' if first['device'] == 'cuda' else 'fp32'}"],
            ["examples", f"{last.get('train_rows', '–')} to train on and {last.get('held_rows', '–')} others to measure, all from the "
                         "task's training file (of a small task two thirds and one third); test and validation files are not read"],
            ["run", f"seed {first['seed']}, batch size {first['batch_size']}, prompts of at most {first['max_prompt_tokens']} tokens; "
                    f"steps: {steps}"],
            ["runs", ", ".join(f"{status[name]} {name}" for name in ("done", "diverged", "failed", "timeout"))],
            ["machine", f"{where}{last.get('cores', '–')} cores, {last.get('jobs', '–')} processes at a time; zofo {last.get('version', '–')}; "
                        f"{last.get('date', '–')}"]]),
        f"Rule: of each method the rate with the {RULE}. The loss is that on the examples to measure, after training. "
        "An adapter that training made worse counts as it is; no checkpoint is selected.", "",
        "## Result", "",
        "*Within 10 %*: the number of tasks on which the loss is at most 1.1 times the task's best loss over the grid. The choice "
        "without the task applies the rule to all other tasks.", "",
        *choices(tables, methods),
        "## By rate", "",
        "Means over tasks; in brackets 95 % intervals from a bootstrap over tasks (2,000 resamples, seed 0). "
        f"Ratios over {LIMIT:g} count as {LIMIT:g}.", ""]
    for name, each in tables.items():
        lines += [f"### {name}", "", f"{len(each.tasks)} tasks.", "", *by_rate(each)]
    lines += ["## By task", "", "Losses after training, in the order of the rates; the best of each is bold. "
              "A dash: not measured, or the run failed.", "", *by_task(tables, zero, check)]
    lines += ["The tasks' metrics after training at the chosen rates (`record` has no candidates but the answer in its "
              "training examples, so that its metric has no meaning here):", "", *metrics(tables, list(latest), zero)]
    failures = [[row["task"], row["method"], "–" if row["rate"] is None else f"{row['rate']:g}", row["status"],
                 row.get("message", "").replace("|", "/").replace("\n", " ")[-120:] or "the loss is not finite"]
                for row in latest if row["status"] != "done"]
    if failures:
        lines += ["## Runs without a loss", "", *table(["task", "method", "rate", "status", "message"], failures)]
    lines += of_check(tables, check)
    return "\n".join(lines).rstrip() + "\n"
