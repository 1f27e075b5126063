#!/usr/bin/env python3
"""Writes report.html from the compare.json of `zofo compare`: tables, learning curves, options, machine, how to repeat.

Usage: compare_report.py FOLDER
The page is one file that refers to nothing outside itself. matplotlib is used because it is the field's plotting library;
its SVG goes into the page, with colours that follow the reader's light or dark setting. Exits 3 without matplotlib, 2 with a
message on a bad compare.json.
"""

import html
import json
import os
import pathlib
import sys

try:
    from compare_figures import LIGHT, DARK, Bars, Curves, Scatter, prepare
except ImportError as error:
    print(f"compare_report.py: {error}", file=sys.stderr)
    sys.exit(3)

STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1b1e23; --soft: #5b626c; --rule: #d5d9df; --grid: #e4e7eb; --band: #f5f6f8;
%s }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e6e8eb; --soft: #a0a7b1; --rule: #3a414a;
  --grid: #2a3037; --band: #1d2126;
%s } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1.25rem 4rem; max-width: 76rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .5rem; } h3 { font-size: 1rem; }
p { max-width: 62rem; } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
table { font-size: .94em; } th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; } th { font-weight: 600; }
thead th { border-bottom: 1px solid var(--ink); border-top: 2px solid var(--ink); vertical-align: bottom; }
tbody tr:last-child > * { border-bottom: 2px solid var(--ink); } tbody tr:nth-child(even) { background: var(--band); }
th:first-child, td:first-child, td.text { text-align: left; }
th:first-child { position: sticky; left: 0; background: var(--page); } tbody tr:nth-child(even) th:first-child { background: var(--band); }
.unit { display: block; font-weight: 400; color: var(--soft); font-size: .85em; }
.key { display: inline-block; width: .75em; height: .75em; border-radius: 50%%; margin-right: .5em; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%%, 30rem), 1fr)); gap: 1rem; margin-top: 1rem; }
figure { margin: 0; min-width: 0; } figure svg { width: 100%%; height: auto; display: block; } .caption { margin: .25rem 0 0; }
pre { background: var(--band); border: 1px solid var(--rule); border-radius: 4px; padding: .7rem .9rem; overflow-x: auto; font-size: .87em; }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere; } summary { cursor: pointer; } dt { color: var(--soft); } dd { margin: 0 0 .4rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.2rem; margin: .5rem 0; } dl dd { margin: 0; }
.failed { border-left: 3px solid var(--c1); padding-left: .8rem; }
"""


def text(value) -> str:
    """A value as escaped text of the page. Every value of the file must pass through this function."""
    return html.escape(str(value), quote=True)


def with_error(estimate: dict, decimals: int) -> str:
    if estimate["mean"] is None:
        return "–"
    error = "" if estimate["error"] is None else f" ± {estimate['error']:.{decimals}f}"
    return f"{estimate['mean']:.{decimals}f}{error}"


def mean(estimate: dict, decimals: int) -> str:
    return "–" if estimate["mean"] is None else f"{estimate['mean']:,.{decimals}f}"


class Report:
    def __init__(self, data: dict):
        self.data, self.plan = data, data["plan"]
        self.arms = self.plan["order"]
        self.titles = data["titles"]
        self.tasks = [task["name"] for task in self.plan["tasks"]]
        self.figures = 0

    def key(self, label: str) -> str:
        """The method's name with its colour."""
        title = text(self.titles[label])
        if label not in self.arms:
            return title
        return f'<span class="key" style="background: var(--c{self.arms.index(label) % len(LIGHT)})"></span>{title}'

    def budget(self) -> str:
        # The second name is that of earlier releases.
        seconds = self.plan["max_seconds"] if "max_seconds" in self.plan else self.plan["seconds"]
        passes = self.plan["max_forward_passes"] if "max_forward_passes" in self.plan else self.plan["passes"]
        if self.plan.get("epochs"):
            return f"{self.plan['epochs']:g} epochs a run"
        return f"{seconds:g} seconds of training a run" if seconds else f"{passes:g} forward-equivalent passes a run"

    def table(self, task: str) -> str:
        rows = [row for row in self.data["rows"] if row["task"] == task]
        # Generated answers have no accuracy.
        written = any(row["f1"]["mean"] is not None for row in rows)
        first, second = ("f1", "exact_match") if written else ("accuracy", "macro_f1")
        titles = ("F1", "exact match") if written else ("accuracy", "macro-F1")
        if all(row[second]["mean"] is None for row in rows):  # candidates that differ between examples are no classes
            second, titles = None, titles[:1]
        best = max((row[first]["mean"] for row in rows if row[first]["mean"] is not None), default=None)
        held_out = max((row["held_out_rows"] for row in rows), default=0)
        heads = (("method", ""), ("runs", ""), *((title, "mean ± s.e.") for title in titles), ("loss", "nats"),
                 ("95 % of best", "after seconds"), ("95 % of best", "after passes"), ("peak memory", "MiB"),
                 ("training", "seconds"), ("steps", "mean"), ("passes", "mean"))
        out = [f'<p class="soft">{held_out} held-out rows. Means over seeds, ± the standard error of the mean.</p><div class="scroll"><table>',
               "<thead><tr>", *(f'<th scope="col">{text(name)}<span class="unit">{text(unit)}</span></th>' for name, unit in heads),
               "</tr></thead><tbody>"]
        for row in rows:
            trained = row["label"] in self.arms
            merit = with_error(row[first], 3)
            if best is not None and row[first]["mean"] == best:
                merit = f"<strong>{merit}</strong>"
            failures = f" ({row['failures']} failed)" if row["failures"] else ""
            later = (with_error(row["seconds_to_95"], 1), with_error(row["passes_to_95"], 0)) if trained else ("–", "–")
            took = (mean(row["seconds"], 1), mean(row["steps"], 0), mean(row["passes"], 0)) if trained else ("–", "–", "–")
            peak = f"{row['peak_mib']:,.0f}" if row["runs"] else "–"
            more = (with_error(row[second], 3),) if second else ()
            cells = (f"{row['runs']}{failures}", merit, *more, with_error(row["loss"], 3), *later, peak, *took)
            out.append(f'<tr><th scope="row">{self.key(row["label"])}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        return "\n".join([*out, "</tbody></table></div>"])

    def pictures(self, task: str) -> str:
        out = []
        for y in ("accuracy", "loss"):
            for x in ("seconds", "passes"):
                curves = [c for c in self.data["curves"] if (c["task"], c["x"], c["y"]) == (task, x, y)]
                if not any(curve["points"] for curve in curves):
                    continue
                self.figures += 1
                svg = Curves(self.figures, self.arms, self.titles, x, y, curves).svg()
                out.append(f"<figure>{svg}</figure>")
        if not out:
            return "<p>No learning curves.</p>"
        band = "mean over seeds, the band ± the standard error" if len(self.plan["seeds"]) > 1 else "one seed"
        return (f'<div class="figures">{"".join(out)}</div><p class="caption soft">Learning curves on the first held-out rows '
                f"(option curve_samples): {band}. A curve begins with the untrained model.</p>")

    def costs(self, task: str) -> str:
        """Pictures of what the runs cost: time of a step, memory, and what score came of the time."""
        runs = {label: [run for run in self.data["runs"] if (run["task"], run["label"]) == (task, label) and "seconds" in run]
                for label in self.arms}
        rows = [row for row in self.data["rows"] if row["task"] == task]
        score = "f1" if any(row["f1"]["mean"] is not None for row in rows) else "accuracy"
        untrained = next((row[score]["mean"] for row in rows if row["label"] not in self.arms), None)
        step_seconds = {label: [run["seconds"] / run["steps"] for run in each if run["steps"]] for label, each in runs.items()}
        peaks = {label: [run["peak_mib"] for run in each] for label, each in runs.items()}
        scores = {label: [(run["seconds"], run[score]) for run in each if run.get(score) is not None] for label, each in runs.items()}
        out = []
        for values, make in ((step_seconds, lambda *place: Bars(*place, "step_seconds", step_seconds)),
                             (peaks, lambda *place: Bars(*place, "peak_mib", peaks)),
                             (scores, lambda *place: Scatter(*place, score, scores, untrained))):
            if any(values.values()):
                self.figures += 1
                out.append(f"<figure>{make(self.figures, self.arms, self.titles).svg()}</figure>")
        if not out:
            return ""
        return (f'<h3>Time and memory</h3><div class="figures">{"".join(out)}</div><p class="caption soft">Bars and large marks: means over '
                "seeds; small marks: runs. Seconds per step: the training time of a run divided by its steps, whose work differs between "
                "methods. Scores: of the selected model, on all held-out rows.</p>")

    def options(self) -> str:
        """A table of the options that differ between the methods, then all options."""
        parsed = {}
        for label, toml in self.data["options"].items():
            parsed[label] = dict(line.split(" = ", 1) for line in toml.splitlines() if " = " in line)
        given = {label: self.plan["methods"][label]["options"] for label in parsed}
        names = [name for values in parsed.values() for name in values]
        labels = list(label for label in self.arms if label in parsed)
        shown = [name for name in dict.fromkeys(names) if name != "seed" and
                 (len({values.get(name) for values in parsed.values()}) > 1 or any(name in each for each in given.values()))]
        out = ["<h2>Options</h2>"]
        if labels and shown:
            out += ['<p class="soft">Those that were set or that differ between methods.</p><div class="scroll"><table><thead><tr>'
                    '<th scope="col">option</th>', *(f'<th scope="col">{self.key(label)}</th>' for label in labels), "</tr></thead><tbody>"]
            for name in shown:
                out.append(f'<tr><th scope="row">{text(name)}</th>' +
                           "".join(f"<td>{text(parsed[label].get(name, '–'))}</td>" for label in labels) + "</tr>")
            out.append("</tbody></table></div>")
        for label in labels:
            out.append(f"<details><summary>All options of {text(self.titles[label])}</summary><pre>{text(self.data['options'][label])}</pre></details>")
        return "\n".join(out)

    def runs(self) -> str:
        out = ['<details><summary>Every run</summary><div class="scroll"><table><thead><tr>',
               *(f'<th scope="col">{name}</th>' for name in ("task", "method", "seed", "accuracy", "loss", "seconds", "steps", "passes",
                                                             "peak MiB", "served")), "</tr></thead><tbody>"]
        for run in self.data["runs"]:
            if "seconds" not in run:
                continue
            number = lambda name, decimals: "–" if run[name] is None else f"{run[name]:,.{decimals}f}"
            cells = (number("accuracy", 3), number("loss", 3), number("seconds", 1), number("steps", 0), number("passes", 0),
                     number("peak_mib", 0), text(run["served"]))
            out.append(f'<tr><td>{text(run["task"])}</td><td class="text">{self.key(run["label"])}</td><td>{text(run["seed"])}</td>' +
                       "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
        return "\n".join([*out, "</tbody></table></div></details>"])

    def failures(self) -> str:
        failed = [run for run in self.data["runs"] if "failure" in run]
        missing = [run for run in self.data["runs"] if "failure" not in run and "seconds" not in run]
        out = []
        counted = lambda runs, one, many: f"{len(runs)} {one if len(runs) == 1 else many}"
        if failed:
            items = "".join(f"<li>{text(run['task'])}, {text(run['label'])}, seed {text(run['seed'])}: {text(run['failure'])}</li>" for run in failed)
            out.append(f'<div class="failed"><strong>{counted(failed, "run", "runs")} failed</strong><ul>{items}</ul></div>')
        if missing:
            out.append(f'<p class="failed">{counted(missing, "run is", "runs are")} still to come.</p>')
        return "".join(out)

    def machine(self) -> str:
        machine = self.data["machine"]
        gpus = machine["gpus"] if "gpus" in machine else machine["cards"]  # "cards" in files of earlier releases
        entries = {"model": self.plan["model"], "data": self.plan["data"] or "in the task folders", "seeds": ", ".join(map(str, self.plan["seeds"])),
                   "device": self.plan["device"], "runs at once": f"{self.data['jobs']}, {self.plan['threads']} threads each",
                   "processor": f"{machine['processor']}, {machine['cores']} cores", "memory": machine["memory"],
                   "GPUs": ", ".join(gpus) or "none", "system": machine["system"],
                   "zofo": f"{self.data['zofo']}, compiler {machine['compiler']}"}
        rows = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in entries.items())
        return f'<h2>Machine and versions</h2><dl>{rows}</dl><h2>How to repeat it</h2><pre class="wrap">{text(self.data["command"])}</pre>'

    def page(self) -> str:
        colours = [" ".join(f"--c{i}: {colour};" for i, colour in enumerate(set_)) for set_ in (LIGHT, DARK)]
        model = os.path.basename(self.plan["model"].rstrip("/"))
        title = f"Comparison on {', '.join(self.tasks)}"
        sections = [f"<section><h2>{text(task)}</h2>{self.table(task)}{self.pictures(task)}{self.costs(task)}</section>" for task in self.tasks]
        notes = ("<p class=\"soft\"><strong>Columns.</strong> Accuracy, macro-F1 and loss: of the model that a run selects, on all test examples. "
                 "Time to 95 %: the first point of a run's learning curve at 95 % or more of that run's best point; 0 for a method that never "
                 "improves on its start. Passes: forward-equivalents of one batch; a gradient counts as two. Peak memory: the "
                 "largest of the runs. Scoring is not part of the training time.</p>")
        return "\n".join([
            "<!DOCTYPE html>", '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">', f"<title>{text(title)}</title>",
            f"<style>{STYLE % tuple(colours)}</style></head><body>", f"<h1>{text(title)}</h1>",
            f'<p class="soft">{text(model)}, {text(self.budget())}, {len(self.plan["seeds"])} '
            f'{"seeds" if len(self.plan["seeds"]) > 1 else "seed"}, on {text({"cpu": "the CPU", "cuda": "a GPU"}[self.plan["device"]])}</p>',
            self.failures(), *sections, notes, self.options(), self.runs(), self.machine(), "</body></html>", ""])


def main(arguments: list) -> int:
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(arguments[0])
    prepare()
    try:
        page = Report(json.loads((folder / "compare.json").read_text())).page()
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"compare_report.py: {folder}/compare.json: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    part = folder / "report.html.part"
    part.write_text(page)
    part.replace(folder / "report.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
