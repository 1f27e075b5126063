#!/usr/bin/env python3
"""The characters that Unicode 15 to 16 added, by their general category, as Hugging Face's tokenizers read them (pip install
tokenizers >= 0.21.2; Python 3.11, whose unicodedata is Unicode 14).

  unicode16.py            writes tests/golden/tokenizers/unicode16.json: {"Lo": "105C0-105F3 10D4A-10D4D ...", ...}
  unicode16.py table      prints the table of src/llm/tokenize/newer_characters.cpp
"""
import json
import pathlib
import sys
import unicodedata

from tokenizers import Regex, pre_tokenizers

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co".split()
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def read_categories():
    """Code point -> general category, by the regular expressions of tokenizers."""
    read, step = {}, 100000
    for category in CATEGORIES:
        keep = pre_tokenizers.Split(Regex(r"\p{%s}" % category), "removed", invert=True)
        for start in range(0, len(POINTS), step):
            text = "".join(map(chr, POINTS[start:start + step]))
            for piece, _ in keep.pre_tokenize_str(text):
                read.update((ord(char), category) for char in piece)
    return read


def additions():
    """Category -> ranges of characters that Unicode 14 does not assign, or not to this category."""
    read, added = read_categories(), {}
    for point in POINTS:
        category = read.get(point, "Cn")
        if category == unicodedata.category(chr(point)):
            continue
        ranges = added.setdefault(category, [])
        if ranges and ranges[-1][1] == point - 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return added


def main():
    assert unicodedata.unidata_version == "14.0.0", "Python 3.11 is needed"
    added = additions()
    if sys.argv[1:] == ["table"]:
        rows = sorted((first, last, category) for category, ranges in added.items() for first, last in ranges)
        print(" ".join(f"{{0x{first:X}, 0x{last:X}, Category::{category}}}," for first, last, category in rows))
        return
    spelled = {category: " ".join(f"{a:X}-{b:X}" if a != b else f"{a:X}" for a, b in ranges)
               for category, ranges in sorted(added.items())}
    path = pathlib.Path(__file__).resolve().parents[1] / "tokenizers/unicode16.json"
    path.write_text(json.dumps(spelled, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
