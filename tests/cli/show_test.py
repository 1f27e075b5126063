"""zofo show: the table, the curves, the page; runs that are running, killed and damaged."""

import json
import os
import re
import signal
import unittest
from html.parser import HTMLParser
from xml.etree import ElementTree

import program
from program import TASK, Case, Running, rows, zofo

VOID = {"meta", "br", "path", "line", "rect", "circle", "polyline"}


class Page(HTMLParser):
    """What is wrong with a page, its tags and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.wrong, self.tags, self.text = [], [], [], ""
        self.feed(page)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.wrong += [f"{name}={value}" for name, value in attrs if name in ("href", "src") or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        self.text += data


class Show(Case):
    def show(self, *arguments, **options):
        return self.good(zofo("show", *arguments, **options))

    def of(self, run) -> dict:
        (summary,) = self.show("--json", run).json()
        return summary

    def row(self, table: str, run) -> list:
        (line,) = [line for line in table.splitlines() if line.startswith(f"{run} ")]
        return re.split(r"  +", line.strip())


class Finished(Show):
    def test_two_methods(self):
        runs = {method: self.here / method for method in ("lora", "mezo")}
        for method, run in runs.items():
            self.good(self.finetune(run, "--method", method, "--max-steps", 12, "--seed", 5))
        shown = self.show(*runs.values())
        for method, run in runs.items():
            lines = rows(run / "metrics.jsonl")
            curve = [line for line in lines if line["event"] == "curve"]
            best = max(curve, key=lambda line: line["accuracy"])
            (result,) = json.loads((run / "result.json").read_text())["methods"]
            cells = self.row(shown.out, run)
            self.assertEqual(cells[1:5], [method, "tiny.gguf", "task", "12"])
            self.assertEqual(cells[5:7], [f"acc {best['accuracy']:.3f}", str(best["step"])])
            self.assertEqual(cells[7:], [f"acc {result['accuracy']:.3f}", f"{result['seconds']:.1f}", f"{result['peak_mib']:.0f}", "finished"])
            summary = self.of(run)
            self.assertEqual((summary["status"], summary["method"], summary["command"], summary["seed"], summary["steps"], summary["missing"]),
                             ("finished", method, "finetune", 5, 12, []))
            self.assertEqual(summary["best"], {"metric": "accuracy", "value": best["accuracy"], "steps": best["step"]})
            self.assertEqual(summary["model"], str(self.model))
            self.assertEqual(summary["tasks"], [str(self.task)])
            self.assertEqual([(point["steps"], point["loss"]) for point in summary["curve"]], [(line["step"], line["loss"]) for line in curve])
            self.assertAlmostEqual(summary["final"]["loss"], result["loss"])
            for field in ("seconds", "scoring_seconds", "passes", "peak_mib"):
                self.assertEqual(summary[field], result[field])
        for title in ("training loss", "loss (held-out examples)", "accuracy (held-out examples)"):
            self.assertIn(f"\n{title}\n", shown.out)
        self.assertIn("* " + str(runs["lora"]), shown.out)
        self.assertIn("+ " + str(runs["mezo"]), shown.out)
        self.assertNotIn("\x1b", shown.out)
        self.assertIn("training seconds", self.show("--x", "seconds", runs["lora"]).out)
        self.assertNotIn("training loss", self.show("--table", runs["lora"]).out)
        self.assertEqual(self.show("--table", self.here).out, self.show("--table", *runs.values()).out)  # a folder of runs

    def test_the_drawn_curve(self):
        """The terminal's marks fall with a loss that falls, between the axis' numbers."""
        run = self.here / "run"
        run.mkdir()
        lines = [{"event": "step", "step": k, "seconds": k * 0.5, "passes": k, "upper": 2 - k / 100} for k in range(100)]
        (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        out = self.show(run, env={**program.ENVIRONMENT, "COLUMNS": "60"}).out
        area = [line.partition("|")[2] for line in out.splitlines() if re.match(r" *[\d.]* \|", line)]
        self.assertEqual(len(area), 14)
        columns = [line.index("*") for line in area if "*" in line]
        self.assertEqual(columns, sorted(columns))
        self.assertLessEqual(max(map(len, out.split("training loss")[1].splitlines())), 60)
        self.assertIn("outer steps", out)
        picture = self.here / "curves.svg"
        self.show(run, "--svg", picture, "--table")
        tree = ElementTree.parse(picture).getroot()
        (line,) = [each for each in tree.iter() if each.tag.endswith("polyline")]
        points = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        self.assertEqual(len(points), 100)
        (x0, y0), (x1, y1) = points[0], points[-1]
        self.assertTrue(x0 < x1 and y0 < y1)  # y counts downwards

    def test_the_page(self):
        name = "a <b> & 'c'"
        run = self.here / name
        self.good(self.finetune(run))
        page = self.here / "runs.html"
        self.show(run, "--html", page, "--table")
        text = page.read_text()
        found = Page(text)
        self.assertEqual(found.wrong, [])
        self.assertEqual((found.tags.count("svg"), found.tags.count("table")), (1, 1))
        self.assertIn(name, found.text)
        self.assertIn("bilevel", found.text)
        self.assertNotIn("<b>", text)
        self.assertNotRegex(re.sub(r"xmlns='[^']*'", "", text), r"https?://|url\(|@import")

    def test_a_demo(self):
        """The demo's folder has files of a run and the runs of its methods inside."""
        table = self.show("--table", program.tiny()).out.splitlines()
        self.assertEqual([line.split()[:2] for line in table[1:]], [[str(program.tiny() / name), name] for name in ("bilevel", "lora", "mezo")])

    def test_several_tasks(self):
        tasks = [self.make_task(name, toml=TASK.replace('"tiny"', f'"{name}"')) for name in "ab"]
        run = self.here / "run"
        self.good(zofo("meta-train", "--model", self.model, "--tasks", ",".join(map(str, tasks)), "--out", run, "--max-steps", 3))
        summary = self.of(run)
        self.assertEqual((summary["command"], summary["tasks"], summary["model"]), ("meta-train", ["a", "b"], str(self.model)))
        self.assertEqual(summary["best"]["metric"], "balanced_accuracy")
        self.assertEqual(self.row(self.show(run).out, run)[3], "2 tasks")


class Incomplete(Show):
    def begin(self, run, *more):
        return Running("finetune", "--model", self.model, "--task", self.task, "--out", run, "--max-seconds", 60, "--save-steps", 2, *more)

    def test_running_killed_and_interrupted(self):
        run = self.here / "run"
        with self.begin(run) as running:
            running.wait_for(lambda: (run / "metrics.jsonl").exists() and (run / "metrics.jsonl").read_bytes().count(b'"event":"step"') > 5)
            summary = self.of(run)
            self.assertEqual(summary["status"], "running")
            self.assertGreater(summary["steps"], 5)
            self.assertEqual(self.row(self.show(run).out, run)[-1], "running")
            running.process.kill()
            running.process.wait()
        summary = self.of(run)
        self.assertEqual((summary["status"], summary["model"]), ("stopped", str(self.model)))
        self.assertIn("result.json is absent", " ".join(summary["missing"]))
        self.assertIn(f"zofo finetune --resume {run}", " ".join(summary["missing"]))
        self.assertIn("to resume", self.show(run).out)
        self.good(zofo("finetune", "--resume", run, "--max-steps", summary["steps"] + 3, "--max-seconds", 0))
        self.assertEqual(self.of(run)["status"], "finished")
        other = self.here / "other"
        with self.begin(other) as running:
            running.wait_for(lambda: (other / "metrics.jsonl").exists() and b'"event":"step"' in (other / "metrics.jsonl").read_bytes())
            running.process.send_signal(signal.SIGINT)
            running.end()
        self.assertEqual(self.of(other)["status"], "interrupted")

    def test_stopped_early(self):
        run = self.here / "run"
        self.good(self.finetune(run, "--max-steps", 200, "--early-stopping-patience", 1, "--eval-steps", 2, "--lower-learning-rate", 0.05))
        self.assertTrue(self.of(run)["stopped_early"])
        self.assertTrue(self.show(run).out.splitlines()[1].endswith("finished early"))

    def test_damaged(self):
        """Whatever is absent or damaged, the rest is shown."""
        run = self.here / "run"
        self.good(self.finetune(run, "--max-steps", 6))
        whole = {path: path.read_bytes() for path in run.iterdir() if path.is_file()}
        metrics, result, options, state, done = (run / name for name in ("metrics.jsonl", "result.json", "options.toml", "state.bin", "done"))

        def said(*parts):
            summary = self.of(run)
            text = " ".join(summary["missing"])
            for part in parts:
                self.assertIn(part, text)
            self.show(run, "--html", self.here / "page.html")
            for path, content in whole.items():
                path.write_bytes(content)
            return summary

        metrics.write_bytes(whole[metrics][:-20])
        self.assertEqual(said("last line is cut off")["steps"], 6)
        lines = whole[metrics].splitlines(keepends=True)
        metrics.write_bytes(b"".join([lines[0], b'{"event": 3}\n', b"\xff\x00[[[\n", b"[" * 100000 + b"\n", b"5" * 5_000_000 + b"\n", *lines[1:]]))
        summary = said("4 lines are damaged, the first is line 2")
        self.assertEqual((summary["steps"], summary["status"]), (6, "finished"))
        metrics.unlink()
        summary = said("metrics.jsonl is absent")
        self.assertEqual((summary["steps"], summary["curve"], summary["method"]), (0, [], "bilevel"))
        self.assertIsNotNone(summary["seconds"])  # of result.json
        for content in (b"", b"{", b"[]", b'{"methods": 3}', b'{"methods": [{"seconds": "x", "stopped_early": 7}]}'):
            result.write_bytes(content)
            summary = said()
            self.assertEqual((summary["steps"], summary["method"]), (6, "bilevel"))
        result.unlink()
        self.assertEqual(said("result.json is absent")["model"], str(self.model))  # of state.bin
        result.unlink()
        state.write_bytes(whole[state][:100])
        self.assertIsNone(said("state.bin")["model"])
        options.write_text("colour = 3\n")
        self.assertEqual(said("options.toml", "colour")["method"], "bilevel")  # of result.json
        options.unlink()
        said("options.toml is absent")
        done.unlink()
        self.assertEqual(said("to resume")["status"], "stopped")
        done.unlink()
        state.unlink()
        self.assertEqual(said("state.bin is absent")["status"], "lost")
        # A run that went on and was killed: the result is of its first part.
        done.unlink()
        more = [json.dumps({"event": "step", "step": step, "seconds": 99.0, "passes": 1, "upper": 1}) + "\n" for step in (6, 7)]
        metrics.write_bytes(whole[metrics] + "".join(more).encode())
        summary = said("result.json is of step 6")
        self.assertEqual((summary["steps"], summary["seconds"]), (8, 99))

    def test_hostile_names(self):
        run = self.here / "run"
        self.good(self.finetune(run))
        result = json.loads((run / "result.json").read_text())
        result["model"] = "/models/\x1b[31mred\x07.gguf"
        (run / "result.json").write_text(json.dumps(result))
        self.assertNotIn("\x1b", self.show(run).out)
        odd = os.fsencode(self.here) + b"/\xff\x1b[2J"
        os.rename(run, odd)
        out = self.show(self.here, "--html", self.here / "page.html").out
        self.assertNotIn("\x1b", out)
        (self.here / "page.html").read_text(encoding="utf-8")
        self.show(self.here, "--json").json()

    def test_no_run(self):
        (self.here / "empty").mkdir()
        self.refused(zofo("show", self.here / "empty"), "empty: no run folder")
        self.refused(zofo("show", self.here / "nowhere"), "nowhere: no such folder")
        self.refused(zofo("show", self.model), "no such folder")
        self.refused(zofo("show"), "RUN")
        run = self.here / "run"
        self.good(self.finetune(run))
        self.refused(zofo("show", run, "--x", "weeks"), "weeks", "steps, seconds")
        self.refused(zofo("show", run, "--svg", self.here / "no" / "x.svg"), "x.svg")
        self.refused(zofo("show", run, "--svg", self.here / "x", "--html", self.here / "x"), "both name")

    def test_a_pipe_is_not_waited_for(self):
        run = self.here / "run"
        run.mkdir()
        (run / "trajectory.jsonl").touch()
        os.mkfifo(run / "metrics.jsonl")
        self.assertIn("metrics.jsonl is absent", self.show(run).out)


if __name__ == "__main__":
    program.main()
