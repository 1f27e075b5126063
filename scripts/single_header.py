#!/usr/bin/env python3
"""Joins the headers of zofo::zofo into one file.

    scripts/single_header.py OUTPUT [--include FOLDER] [HEADER...]

writes OUTPUT: the licence, then HEADER... (default: zofo/zofo.hpp, zofo/hypergradient.hpp and zofo/problems.hpp) and
all headers of zofo that they include. Each header occurs once, or wherever it is included if it has no #pragma once.
Includes of other libraries (Eigen, fmt, the standard library) are kept, so OUTPUT needs only these two libraries. Exit
code 2 and a message when a header is missing or cannot be joined.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
UMBRELLAS = ("zofo/zofo.hpp", "zofo/hypergradient.hpp", "zofo/problems.hpp")
INCLUDE = re.compile(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
ONCE = re.compile(r"\s*#\s*pragma\s+once\b")
CONDITION = re.compile(r"\s*#\s*(if|ifdef|ifndef|endif)\b")


class JoinError(Exception):
    """A header cannot be joined; the message names it."""


class Join:
    def __init__(self, include: pathlib.Path):
        self.include = include
        self.done = set()
        self.systems = set()
        self.open = []  # headers being read, the outermost first
        self.lines = []

    def add(self, name: str, by: str, depth_outside: int = 0) -> None:
        if name in self.done:
            return
        path = self.include / name
        if not path.is_file():
            raise JoinError(f"{by}: {name}: not found in {self.include}")
        text = path.read_text(encoding="utf-8").splitlines()
        if any(ONCE.match(line) for line in text):
            # Joined under a condition, it would be missing where it is included without one.
            if depth_outside > 0:
                raise JoinError(f"{by}: {name} is included under a condition; include it above, without one")
            self.done.add(name)
        elif name in self.open:
            raise JoinError(f"{by}: {name} includes itself and has no #pragma once")
        # Without #pragma once a header is repeated wherever it is included.
        self.open.append(name)
        self.lines.append(f"\n// ---- {name} ----")
        depth = depth_outside  # of #if
        for number, line in enumerate(text, 1):
            place = f"{name}:{number}"
            if condition := CONDITION.match(line):
                depth += -1 if condition[1] == "endif" else 1
            if ONCE.match(line):
                continue
            if match := INCLUDE.match(line):
                self._include(match[1], match[2], line, place, depth)
            else:
                self.lines.append(line)
        self.open.pop()
        if depth != depth_outside:
            raise JoinError(f"{name}: {depth - depth_outside} #if without #endif")

    def _include(self, quoted, system, line: str, place: str, depth: int) -> None:
        name = quoted or system
        if name.startswith("zofo/"):
            self.add(name, place, depth)
        elif quoted:
            raise JoinError(f'{place}: "{quoted}": must be "zofo/..." or <...>')
        elif depth > 0:
            self.lines.append(line)
        elif name not in self.systems:
            self.systems.add(name)
            self.lines.append(line)

    def text(self, licence: str) -> str:
        notice = "".join(f"// {line}".rstrip() + "\n" for line in licence.splitlines())
        head = "// zofo in one header, made by scripts/single_header.py. It needs Eigen 3.4 or newer, fmt and C++20.\n//\n"
        body = "\n".join(self.lines)
        return head + notice + "#pragma once\n" + re.sub(r"\n{3,}", "\n\n", body) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="Joins the headers of zofo::zofo into one file.")
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--include", type=pathlib.Path, default=ROOT / "include", help="folder that holds zofo/")
    parser.add_argument("headers", nargs="*", default=list(UMBRELLAS), metavar="HEADER")
    arguments = parser.parse_intermixed_args()
    join = Join(arguments.include)
    try:
        for header in arguments.headers:
            join.add(header, "command line")
        text = join.text((ROOT / "LICENSE").read_text(encoding="utf-8"))
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text, encoding="utf-8")
    except (JoinError, OSError) as error:
        print(f"single_header.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
