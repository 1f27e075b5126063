#!/usr/bin/env python3
"""Breaks the library one line at a time and sees that a statement of the theory notices.

Each entry of scripts/mutants.toml is one textual change of include/zofo. The statement that it names is compiled against
a copy with the change, and must fail; compiled against the library as it is, it must pass. A text that is not found
exactly once, a program that does not compile or ends otherwise than by a verdict is an error, not a catch.
Exits 1 when a mutant survives or an entry is in error, 2 on bad options.
"""

import argparse
import concurrent.futures
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/results/theory/mutants.md"
BEGIN, END = "<!-- mutants: begin -->", "<!-- mutants: end -->"
COMPILE_LIMIT, RUN_LIMIT = 600, 300  # seconds
# What no mutant changes, compiled once: half of the time of a statement is in these.
COMMON = """#include <fmt/format.h>
#include <fmt/ranges.h>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>
"""
MAIN = """#include "common.hpp"
#include "theory/report.hpp"
#include "theory/statements/{name}.hpp"
int main() {{
  const theory::Verdict v = theory::measure({{"{id}", theory::{name}}}, theory::Effort{{}});
  fmt::print("{{}}", theory::table({{v}}));
  return v.passed ? 0 : 1;
}}
"""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    says: str
    file: str
    old: str
    new: str
    catcher: str


@dataclasses.dataclass
class Outcome:
    verdict: str  # "passed", "failed" or "error"
    detail: str
    seconds: float


def read_mutants(path: Path) -> list[Mutant]:
    with path.open("rb") as file:
        mutants = [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]
    names = [m.name for m in mutants]
    if len(set(names)) != len(names):
        raise SystemExit(f"{path}: two mutants of one name")
    return mutants


def mutate(include: Path, mutant: Mutant) -> str:
    """Changes the copy; says what is wrong with the entry, or nothing."""
    path = include / "zofo" / mutant.file
    if not path.is_file():
        return f"include/zofo/{mutant.file} is not there"
    text = path.read_text(encoding="utf-8")
    count = text.count(mutant.old)
    if count != 1:
        return f"`{mutant.old}` occurs {count} times in {mutant.file}, not once"
    path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    return ""


def flags() -> list[str]:
    try:
        eigen = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        eigen = "-I/usr/include/eigen3"
    return ["-std=c++20", "-O1", "-march=native", "-fopenmp", "-w", *eigen.split()]


def compiler() -> str:
    return os.environ.get("CXX", "g++")


def precompile(folder: Path) -> None:
    header = folder / "common.hpp"
    header.write_text(COMMON, encoding="utf-8")
    subprocess.run([compiler(), *flags(), "-x", "c++-header", str(header), "-o", f"{header}.gch"], check=True,
                   timeout=COMPILE_LIMIT)


def measure(statement: str, include: Path, common: Path, folder: Path) -> Outcome:
    """Compiles one statement against `include` and runs it."""
    start = time.monotonic()
    source, program = folder / "main.cpp", folder / "program"
    source.write_text(MAIN.format(name=statement.lower(), id=statement), encoding="utf-8")
    command = [compiler(), *flags(), f"-I{common}", f"-I{include}", f"-I{ROOT / 'tests'}", str(source), "-o",
               str(program), "-lfmt"]

    def outcome(verdict: str, detail: str) -> Outcome:
        return Outcome(verdict, detail, time.monotonic() - start)

    try:
        built = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_LIMIT)
        if built.returncode != 0:
            return outcome("error", "does not compile:\n" + built.stderr[:2000])
        ran = subprocess.run([str(program)], capture_output=True, text=True, timeout=RUN_LIMIT)
    except subprocess.TimeoutExpired as expired:
        return outcome("error", f"took more than {expired.timeout:.0f} s")
    if ran.returncode not in (0, 1) or not ran.stdout:
        return outcome("error", f"ended with {ran.returncode}: {ran.stderr[:500]}")
    return outcome("passed" if ran.returncode == 0 else "failed", ran.stdout)


def try_one(statement: str, mutant: Mutant | None, common: Path) -> Outcome:
    """The statement against the library as it is, or with the mutant's change."""
    with tempfile.TemporaryDirectory(prefix="zofo-mutant-") as name:
        folder = Path(name)
        include = ROOT / "include"
        if mutant:
            include = folder / "include"
            shutil.copytree(ROOT / "include", include)
            wrong = mutate(include, mutant)
            if wrong:
                return Outcome("error", wrong, 0.0)
        outcome = measure(statement, include, common, folder)
    print(f"{mutant.name if mutant else 'as it is'}: {statement} {outcome.verdict}", file=sys.stderr, flush=True)
    return outcome


WORDS = {"failed": "caught", "passed": "SURVIVED", "error": "ERROR"}


def write_page(mutants: list[Mutant], outcomes: dict[str, Outcome]) -> None:
    rows = ["| mutant | what is broken | file | caught by | |", "|---|---|---|---|---|"]
    for m in mutants:
        rows.append(f"| `{m.name}` | {m.says} | `{m.file}` | [{m.catcher}](README.md#{m.catcher.lower()}) | "
                    f"{WORDS[outcomes[m.name].verdict]} |")
    text = PAGE.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{PAGE}: wants the markers {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(rows) + "\n" + END + rest.split(END)[1], encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="this mutant alone; may be repeated")
    parser.add_argument("--slice", metavar="I/N", help="every N-th mutant, from the I-th (0 … N-1): what CI rotates through")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="programs at a time")
    parser.add_argument("--verbose", action="store_true", help="print what the statements said")
    options = parser.parse_args()
    mutants = read_mutants(ROOT / "scripts/mutants.toml")
    if options.list:
        print("\n".join(m.name for m in mutants))
        return 0
    if options.only:
        unknown = set(options.only) - {m.name for m in mutants}
        if unknown:
            parser.error(f"--only {', '.join(sorted(unknown))}: no such mutant; --list names them")
        if options.write:
            parser.error("--write: wants all mutants, without --only")
        mutants = [m for m in mutants if m.name in options.only]

    if options.slice:
        first, _, step = options.slice.partition("/")
        if not (first.isdecimal() and step.isdecimal() and int(first) < int(step)) or options.write or options.only:
            parser.error(f"--slice {options.slice}: wants I/N with I < N, without --only and --write")
        mutants = mutants[int(first)::int(step)]

    start = time.monotonic()
    with (tempfile.TemporaryDirectory(prefix="zofo-mutants-") as common,
          concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool):
        precompile(Path(common))
        catchers = sorted({m.catcher for m in mutants})
        whole = {s: pool.submit(try_one, s, None, Path(common)) for s in catchers}
        broken = {m.name: pool.submit(try_one, m.catcher, m, Path(common)) for m in mutants}
        unchanged = {statement: future.result() for statement, future in whole.items()}
        outcomes = {name: future.result() for name, future in broken.items()}

    print(f"{'mutant':28} | {'file':28} | catcher | verdict")
    good = True
    for m in mutants:
        outcome = outcomes[m.name]
        good &= outcome.verdict == "failed"
        print(f"{m.name:28} | {m.file:28} | {m.catcher:7} | {WORDS[outcome.verdict]} ({outcome.seconds:.0f} s)")
        if outcome.verdict == "error" or options.verbose:
            print(outcome.detail)
    for statement, outcome in unchanged.items():
        if outcome.verdict != "passed" or options.verbose:
            print(f"{statement} on the library as it is: {outcome.verdict}\n{outcome.detail}")
        good &= outcome.verdict == "passed"
    caught = sum(o.verdict == "failed" for o in outcomes.values())
    print(f"{caught} of {len(mutants)} mutants caught, {len(unchanged)} statements tried on the library as it is, "
          f"{time.monotonic() - start:.0f} s")
    if options.write:
        write_page(mutants, outcomes)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
