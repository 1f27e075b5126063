"""The pictures of the page of `zofo compare`, for compare_report.py: SVG elements in the page's own colours, by matplotlib."""

import html
import io
import re

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402: after the choice of the backend
import matplotlib.ticker  # noqa: E402

# Colours that readers with any colour vision can distinguish (Okabe and Ito 2008), on white and on black, and marks.
LIGHT = ("#0072b2", "#d55e00", "#00805d", "#b0568a", "#3a8fc0", "#a86f00", "#555555")
DARK = ("#5fb4e8", "#ff8f4a", "#35c79b", "#e79cc4", "#9ad4f5", "#f0b840", "#b8b8b8")
MARKS = "os^Dv<>"
INK, GRID = "#010203", "#010204"  # stand for the page's own colours in a figure
NAMES = {"seconds": "training time (s)", "passes": "forward-equivalent passes", "accuracy": "accuracy", "loss": "loss (nats)", "f1": "F1",
         "step_seconds": "seconds per step", "peak_mib": "peak memory (MiB)"}


def prepare():
    """Sets matplotlib's options. Call it once, before any picture."""
    matplotlib.rcParams.update({"svg.hashsalt": "zofo", "svg.fonttype": "none", "font.family": "DejaVu Sans", "font.size": 9.5,
                                "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
                                **{name: INK for name in ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")}})


class Picture:
    """One picture of a page. `number` makes its names unique there; `arms` are the labels in the order of their colours."""

    def __init__(self, number: int, arms: list, titles: dict):
        self.number, self.arms, self.titles = number, arms, titles

    def short(self, label: str) -> str:
        """The method's name, not longer than the margin."""
        name = self.titles[label]
        return name if len(name) <= 16 else name[:15] + "…"

    def colour(self, label: str) -> str:
        return LIGHT[self.arms.index(label) % len(LIGHT)]

    def mark(self, label: str) -> str:
        return MARKS[self.arms.index(label) % len(MARKS)]

    @staticmethod
    def axes():
        """A figure and its axes in the style of the page."""
        figure, axes = plt.subplots(figsize=(5.4, 3.3))
        figure.subplots_adjust(left=0.125, right=0.97, bottom=0.155, top=0.97)
        axes.grid(color=GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        return figure, axes

    def finished(self, figure, label: str) -> str:
        """The figure as an SVG element of the page: without a prologue, with unique names and the page's colours."""
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
        plt.close(figure)
        svg = out.getvalue()
        svg = svg[svg.index("<svg"):]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
        svg = re.sub(r'\bid="', f'id="f{self.number}-', svg)
        svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>f{self.number}-", svg)
        for i, colour in enumerate(LIGHT):
            svg = svg.replace(colour, f"var(--c{i})")
        svg = svg.replace(INK, "var(--ink)").replace(GRID, "var(--grid)")
        return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label, quote=True)}" ', 1)


class Curves(Picture):
    """For every method a line with its band, and the name at the end of the line."""

    def __init__(self, number: int, arms: list, titles: dict, x: str, y: str, curves: list):
        super().__init__(number, arms, titles)
        self.x, self.y = x, y
        self.curves = [curve for curve in curves if curve["points"]]

    def svg(self) -> str:
        names = [self.short(curve["label"]) for curve in self.curves]
        figure, axes = self.axes()
        figure.subplots_adjust(right=0.97 - 0.0165 * max(map(len, names)))
        for curve in self.curves:
            self.line(axes, curve)
        axes.set_xlabel(NAMES[self.x])
        axes.set_ylabel(NAMES[self.y])
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(matplotlib.ticker.EngFormatter(sep="") if self.x == "passes" else
                                       matplotlib.ticker.ScalarFormatter())
        self.names_at_the_ends(axes, names)
        return self.finished(figure, f"{NAMES[self.y]} against {NAMES[self.x]}")

    def line(self, axes, curve: dict):
        arm = self.arms.index(curve["label"])
        xs, means, errors = zip(*curve["points"])
        styles = ("-", "--", ":")
        if all(error is not None for error in errors):
            low = [m - e for m, e in zip(means, errors)]
            high = [m + e for m, e in zip(means, errors)]
            axes.fill_between(xs, low, high, color=self.colour(curve["label"]), alpha=0.18, linewidth=0)
        axes.plot(xs, means, color=self.colour(curve["label"]), linewidth=1.7, linestyle=styles[arm // len(LIGHT) % 3],
                  marker=self.mark(curve["label"]), markersize=4, markevery=max(1, len(xs) // 12))

    def names_at_the_ends(self, axes, names: list):
        """The methods' names to the right of the axes at the height of their last points, shifted where they overlap."""
        axes.figure.canvas.draw()
        low, high = axes.get_window_extent().y0, axes.get_window_extent().y1
        ends = [axes.transData.transform(curve["points"][-1][:2]) for curve in self.curves]
        order = sorted(range(len(ends)), key=lambda i: ends[i][1])
        heights = {}
        at = low - 1e9
        for i in order:
            at = max(ends[i][1], at + 14)
            heights[i] = at
        spill = max(0, at - high) if order else 0
        for i in reversed(order):  # back down from the top edge
            if spill <= 0:
                break
            heights[i] = min(heights[i], high - 14 * (len(order) - 1 - order.index(i)))
        for i, curve in enumerate(self.curves):
            colour = self.colour(curve["label"])
            end = axes.transAxes.inverted().transform((0, heights[i]))[1]
            axes.annotate("", xy=curve["points"][-1][:2], xytext=(1.015, end), textcoords="axes fraction", annotation_clip=False,
                          arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.7, "alpha": 0.6, "shrinkA": 0, "shrinkB": 3})
            axes.text(1.025, end, names[i], transform=axes.transAxes, color=colour, va="center", fontsize=9.5, fontweight="bold",
                      parse_math=False)


class Bars(Picture):
    """For every method a bar to the mean of its runs, and a mark for each run."""

    def __init__(self, number: int, arms: list, titles: dict, y: str, runs: dict):
        super().__init__(number, arms, titles)
        self.y = y
        self.runs = {label: values for label, values in runs.items() if values}  # label -> a number for each run

    def svg(self) -> str:
        figure, axes = self.axes()
        figure.subplots_adjust(left=0.32)
        axes.grid(visible=False, axis="y")
        for at, (label, values) in enumerate(self.runs.items()):
            mean = sum(values) / len(values)
            axes.barh(at, mean, height=0.6, color=self.colour(label), alpha=0.55, linewidth=0)
            axes.plot(values, [at] * len(values), linestyle="none", marker=self.mark(label), markersize=4, color=self.colour(label))
            axes.annotate(f" {mean:.3g}" if mean < 1000 else f" {mean:,.0f}", (max(values), at), va="center", xytext=(4, 0),
                          textcoords="offset points")
        axes.set_yticks(range(len(self.runs)), [self.short(label) for label in self.runs], parse_math=False)
        axes.invert_yaxis()  # the first method on top
        axes.set_xlim(0, 1.18 * max(max(values) for values in self.runs.values()) or 1)
        axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axes.set_xlabel(NAMES[self.y])
        return self.finished(figure, f"{NAMES[self.y]} by method")


class Scatter(Picture):
    """For every method a point at the means of its runs with their standard errors, and small marks for the runs. `untrained`:
    the score of the model before training, a line; None: not known."""

    def __init__(self, number: int, arms: list, titles: dict, y: str, runs: dict, untrained):
        super().__init__(number, arms, titles)
        self.y, self.untrained = y, untrained
        self.runs = {label: pairs for label, pairs in runs.items() if pairs}  # label -> (seconds, score) of each run

    def svg(self) -> str:
        figure, axes = self.axes()
        ends = []
        for label, pairs in self.runs.items():
            xs, ys = zip(*pairs)
            x, y = sum(xs) / len(xs), sum(ys) / len(ys)
            if len(pairs) > 1:
                axes.plot(xs, ys, linestyle="none", marker=self.mark(label), markersize=3, alpha=0.5, color=self.colour(label))
                axes.errorbar(x, y, xerr=self.error(xs), yerr=self.error(ys), color=self.colour(label), linewidth=1)
            axes.plot([x], [y], marker=self.mark(label), markersize=8, color=self.colour(label))
            ends.append({"label": label, "points": [(x, y, None)]})
        if self.untrained is not None:
            axes.axhline(self.untrained, color=INK, linewidth=0.9, linestyle=":")
            axes.annotate("untrained", (0, self.untrained), xytext=(3, 3), textcoords="offset points", fontsize=8.5)
        axes.set_xlim(0, 1.08 * max(x for pairs in self.runs.values() for x, _ in pairs) or 1)
        axes.set_xlabel(NAMES["seconds"])
        axes.set_ylabel(f"{NAMES[self.y]} of the selected model")
        names = [self.short(end["label"]) for end in ends]
        figure.subplots_adjust(right=0.97 - 0.0165 * max(map(len, names)))
        labelled = Curves(self.number, self.arms, self.titles, "seconds", self.y, ends)
        labelled.names_at_the_ends(axes, names)
        return self.finished(figure, f"{NAMES[self.y]} of the selected model against {NAMES['seconds']}")

    @staticmethod
    def error(values: tuple) -> float:
        """The standard error of the mean."""
        mean = sum(values) / len(values)
        return (sum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values)) ** 0.5
