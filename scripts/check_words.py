#!/usr/bin/env python3
"""Reports words of tests/words/banned.txt in documents, messages, help and comments.

usage: check_words.py [--root FOLDER] [--count] [PATH…]

Prints `FILE:LINE: WORD: use REPLACEMENT (WHY)` for each and exits with 1 if there is one. Without PATHs: README.md,
CONTRIBUTING.md, the first section of CHANGELOG.md, docs, and the comments and string literals of include, src, tools, bench,
examples, scripts, cmake, CMakeLists.txt and run. --count prints the number in each folder instead.
"""

import argparse
import re
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from source_text import CPP_SUFFIXES, read_prose  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
LIST = "tests/words/banned.txt"
PLACES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "include", "src", "tools", "bench", "examples",
          "scripts", "cmake", "CMakeLists.txt", "run")
SUFFIXES = CPP_SUFFIXES | {".py", ".md", ".cmake", ".toml"}
NAMES = {"CMakeLists.txt", "run"}
# Where paths are given: inputs and reference values of tests, whose words are data, and the list itself.
SKIPPED = ("tests/words/", "tests/golden/", "tests/fuzz/corpus/", "tests/fuzz/findings/")


class Word:
    def __init__(self, line: str, number: int):
        parts = [part.strip() for part in re.split(r" \| ", line)]
        if len(parts) < 3 or not all(parts):
            raise ValueError(f"{LIST}:{number}: expected pattern | replacement | why | allowed context…")
        self.replacement, self.why = parts[1], parts[2]
        self.pattern = _compiled(parts[0])
        self.allowed = [_compiled(context) for context in parts[3:]]

    def found(self, prose: str):
        allowed = [match.span() for context in self.allowed for match in context.finditer(prose)]
        for match in self.pattern.finditer(prose):
            if not any(begin <= match.start() and match.end() <= end for begin, end in allowed):
                yield match


def _compiled(pattern: str):
    return re.compile(rf"(?<![\w])(?:{pattern})(?![\w])".replace(" ", r"\s+"), re.I)


def read_words(text: str) -> list:
    return [Word(line, number) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]


def files(root: Path, places: tuple) -> list:
    found = []
    for place in places:
        path = root / place
        if path.is_dir():
            found += [file for file in path.rglob("*") if file.is_file()]
        elif path.is_file():
            found.append(path)
        elif places is not PLACES:
            sys.exit(f"check_words: {place}: not found")
    names = [(file.relative_to(root).as_posix(), file) for file in found if file.suffix in SUFFIXES or file.name in NAMES]
    return sorted((name, file) for name, file in names if not name.startswith(SKIPPED) and "__pycache__" not in name)


def prose_of(name: str, path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if name == "CHANGELOG.md":  # earlier sections keep the words of their time
        sections = re.split(r"^(?=## )", text, flags=re.M)
        return "".join(sections[:2])
    return read_prose(path, text)


def check(root: Path, places: tuple, words: list) -> list:
    """(file, line, word as found, Word)"""
    reports = []
    for name, path in files(root, places):
        prose = prose_of(name, path)
        for word in words:
            reports += [(name, prose.count("\n", 0, match.start()) + 1, " ".join(match.group(0).split()), word)
                        for match in word.found(prose)]
    return sorted(reports, key=lambda report: report[:3])


def print_counts(reports: list):
    folders = Counter("/".join(name.split("/")[:-1][:4]) or "." for name, *_ in reports)
    for folder, count in sorted(folders.items()):
        print(f"{count:6d}  {folder}")
    for found, count in Counter(found.lower() for _, _, found, _ in reports).most_common():
        print(f"{count:6d}  \"{found}\"")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--words", type=Path, default=ROOT / LIST, help=f"the list (default: {LIST})")
    parser.add_argument("--count", action="store_true", help="print the number in each folder, and of each word")
    parser.add_argument("paths", nargs="*")
    arguments = parser.parse_args()
    words = read_words(arguments.words.read_text(encoding="utf-8"))
    reports = check(arguments.root.resolve(), tuple(arguments.paths) or PLACES, words)
    if arguments.count:
        print_counts(reports)
    else:
        for name, line, found, word in reports:
            print(f"{name}:{line}: {found}: use {word.replacement} ({word.why})")
    print(f"check_words: {len(reports)} found", file=sys.stderr)
    return 1 if reports else 0


if __name__ == "__main__":
    sys.exit(main())
