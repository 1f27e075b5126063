#!/usr/bin/env python3
"""Draws what F, G, D_f, D_g, p, s and θ are on a task's own examples: docs/guide/figures/bilevel.svg.

usage: draw_bilevel.py OUT.svg [--examples N]

The numbers of examples are those that zofo finetune --method bilevel makes of N training examples (src/llm/train/split.cpp): a
third is D_f, a quarter of it is set aside for the selection, the rest is D_g. Standard library only.
"""

import argparse
import sys
from html import escape

WIDTH, HEIGHT = 920, 560
BLUE, ORANGE, GREEN, GREY, INK = "#2f6db3", "#d9822b", "#3c8d40", "#8a8f98", "#22262b"
PALE = {BLUE: "#e4eef9", ORANGE: "#fcefdf", GREEN: "#e5f3e5", GREY: "#f0f1f3"}


def parts(examples: int) -> dict:
    """How many training examples each part gets."""
    third = examples // 3
    selection = (third + 3) // 4
    return {"D_g": examples - third, "D_f": third - selection, "selection": selection}


def box(x, y, w, h, colour, lines, bold=True) -> str:
    out = [f'<rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{PALE[colour]}" stroke="{colour}" stroke-width="1.5"/>']
    for i, line in enumerate(lines):
        weight = ' font-weight="600"' if bold and i == 0 else ""
        out.append(f'<text x="{x + 12}" y="{y + 22 + 18 * i}"{weight}>{escape(line)}</text>')
    return "\n".join(out)


def arrow(points, colour, label="", at=None) -> str:
    path = " L ".join(f"{x} {y}" for x, y in points)
    out = f'<path d="M {path}" fill="none" stroke="{colour}" stroke-width="1.8" marker-end="url(#head-{colour[1:]})"/>'
    if label:
        out += f'\n<text x="{at[0]}" y="{at[1]}" fill="{colour}">{escape(label)}</text>'
    return out


def picture(examples: int) -> str:
    n = parts(examples)
    heads = "".join(f'<marker id="head-{c[1:]}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
                    f'<path d="M 0 0 L 10 5 L 0 10 z" fill="{c}"/></marker>' for c in PALE)
    body = [
        '<text x="20" y="32" font-size="17" font-weight="600">Your examples</text>',
        '<text x="330" y="32" font-size="17" font-weight="600">What a step does with them</text>',
        f'<text x="20" y="60" fill="{GREY}">train.jsonl: {examples} examples</text>',
        box(20, 72, 240, 130, BLUE, [f"D_g: {n['D_g']} examples", "two thirds, of the lower loss G", "", '"a superb river" → great',
                                     '"tedious and long" → terrible']),
        box(20, 214, 240, 92, ORANGE, [f"D_f: {n['D_f']} examples", "of the upper loss F", "", '"a film with wit" → great']),
        box(20, 318, 240, 56, GREEN, [f"set aside: {n['selection']} examples", "no step reads them"]),
        f'<text x="20" y="412" fill="{GREY}">validation.jsonl</text>',
        box(20, 424, 240, 56, GREY, ["all its examples", "scores only: they decide nothing"]),
        box(330, 72, 270, 92, BLUE, ["s, the lower adapter", "T gradient steps on G(θ, s)", "= the mean loss on a batch of D_g", "stands for the best adapter of θ"]),
        box(330, 196, 270, 110, ORANGE, ["p, the upper adapter", "T gradient steps on", "F(θ, p) + λ G(θ, p)", "F on D_f, G on D_g, together", "divided by 1 + λ"]),
        box(640, 72, 260, 234, GREY, ["θ, the backbone", "one step an outer step, from values:", "no gradient of θ is computed", "", "at θ + εz and at θ − εz, one batch:",
                                      "F(p) + λ (G(p) − G(s))", "", "the difference over 2ε is ρ;", "θ is updated by −rate · ρ · z,", "the mean over q directions z"]),
        box(330, 330, 570, 74, GREEN, ["The selection, at the end", "loss on the examples set aside: (θ, p) or (θ, s), the lower one is selected",
                                       "with --early-stopping-patience also which step; the run folder keeps that one"]),
        box(330, 424, 570, 56, GREY, ["The scores that a run reports", "accuracy and loss of what was selected, on validation.jsonl"]),
        arrow([(260, 110), (328, 110)], BLUE),
        arrow([(260, 170), (296, 170), (296, 222), (328, 222)], BLUE),
        arrow([(260, 260), (328, 260)], ORANGE),
        arrow([(600, 118), (638, 118)], BLUE),
        arrow([(600, 250), (638, 250)], ORANGE),
        arrow([(260, 346), (328, 346)], GREEN),
        arrow([(260, 452), (328, 452)], GREY),
        arrow([(770, 306), (770, 328)], GREY),
        arrow([(465, 306), (465, 328)], ORANGE),
        arrow([(615, 404), (615, 422)], GREEN),
        f'<text x="20" y="520" fill="{GREY}">lora trains one adapter on all training examples; mezo updates only θ, by the loss on all of them. '
        'Neither sets examples aside</text>',
        f'<text x="20" y="540" fill="{GREY}">without --early-stopping-patience, and there is nothing to select.</text>',
    ]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">\n'
            "<title>What F, G, D_f, D_g, p, s and θ are on a task's examples</title>\n"
            f'<defs>{heads}</defs>\n<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--examples", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.examples < 6:
        parser.error(f"--examples {arguments.examples}: must be at least 6, as for a run")
    with open(arguments.out, "w", encoding="utf-8") as file:
        file.write(picture(arguments.examples))
    return 0


if __name__ == "__main__":
    sys.exit(main())
