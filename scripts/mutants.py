#!/usr/bin/env python3
"""Changes the library in one place at a time and checks that a statement of the theory fails.

Each entry of scripts/mutants.toml is one change of include/zofo. All changes are compiled into one program, and the
environment variable ZOFO_MUTANT selects one by its number. Without it the library is unchanged, and every statement
must pass; with it the statement that the entry names must fail. Code that is not found exactly once, a program that
does not compile or one that ends without a verdict is an error and does not count as a failed statement.
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
COMPILE_LIMIT, RUN_LIMIT = 1800, 300  # seconds
# Precompiled, since no mutant changes it; then the switch. In a constant expression no mutant is active.
COMMON = """#include <fmt/format.h>
#include <fmt/ranges.h>
#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/QR>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <type_traits>
#include <vector>
namespace zofo_mutants {
inline const int active = [] { const char* number = std::getenv("ZOFO_MUTANT"); return number ? std::atoi(number) : 0; }();
constexpr bool is(int number) { return !std::is_constant_evaluated() && active == number; }
}
"""
GROUP = """{includes}
#include "theory/verdict.hpp"
std::vector<theory::Statement> group_{group}() {{ return {{{statements}}}; }}
"""
MAIN = """#include "theory/report.hpp"
{declarations}
int main(int count, char** words) {{
  for (const auto& group : {{{groups}}})
    for (const theory::Statement& statement : group())
      if (count == 2 && statement.id == words[1]) {{
        const theory::Verdict v = theory::measure(statement, theory::Effort{{}});
        fmt::print("{{}}", theory::table({{v}}));
        return v.passed ? 0 : 1;
      }}
  return 2;
}}
"""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    change: str
    file: str
    code: str
    new: str
    catcher: str
    constant: bool = False

    def plain(self) -> str:
        return self.code.replace("«", "").replace("»", "")

    def marked(self) -> str:
        return self.code.split("«")[1].split("»")[0]


@dataclasses.dataclass
class Outcome:
    verdict: str  # "passed", "failed" or "error"
    detail: str
    seconds: float


class BadEntry(Exception):
    """An entry whose code is not in the library, or that does not compile."""


def read_mutants(path: Path) -> list[Mutant]:
    with path.open("rb") as file:
        mutants = [Mutant(**entry) for entry in tomllib.load(file)["mutant"]]
    names = [m.name for m in mutants]
    if len(set(names)) != len(names):
        raise SystemExit(f"{path}: two mutants have the same name")
    for m in mutants:
        if m.code.count("«") != 1 or m.code.count("»") != 1 or m.code.index("»") < m.code.index("«"):
            raise SystemExit(f"{path}: {m.name}: `code` must mark one part with «…»")
    return mutants


def place(text: str, mutant: Mutant) -> tuple[int, int]:
    """Position of the marked part in the text of the mutant's file."""
    count = text.count(mutant.plain())
    if count != 1:
        raise BadEntry(f"{mutant.name}: `{mutant.plain()}` occurs {count} times in {mutant.file}; it must occur once")
    start = text.index(mutant.plain()) + mutant.code.index("«")
    return start, start + len(mutant.marked())


def switched(old: str, here: list[tuple[int, Mutant]]) -> str:
    """The marked part and all its mutants, selected by number."""
    if old.rstrip().endswith(";"):
        return "".join(f"if (zofo_mutants::is({n})) {{ {m.new} }} else " for n, m in here) + f"{{ {old} }}"
    return "(" + "".join(f"zofo_mutants::is({n}) ? ({m.new}) : " for n, m in here) + f"({old}))"


def mutate(include: Path, numbered: dict[int, Mutant]) -> None:
    """Puts the switches of all mutants into the copy of the headers."""
    for name in sorted({m.file for m in numbered.values()}):
        path = include / "zofo" / name
        if not path.is_file():
            raise BadEntry(f"include/zofo/{name} does not exist")
        text = path.read_text(encoding="utf-8")
        places: dict[tuple[int, int], list[tuple[int, Mutant]]] = {}
        for number, m in numbered.items():
            if m.file == name:
                places.setdefault(place(text, m), []).append((number, m))
        ordered = sorted(places)
        for (_, end), (start, _) in zip(ordered, ordered[1:]):
            if start < end:
                names = [m.name for here in places.values() for _, m in here]
                raise BadEntry(f"{name}: marked parts overlap without being equal, among {', '.join(names)}")
        for start, end in reversed(ordered):
            text = text[:start] + switched(text[start:end], places[start, end]) + text[end:]
        path.write_text(text, encoding="utf-8")


def replace(include: Path, mutant: Mutant) -> None:
    """Applies the mutant to the copy of the headers."""
    path = include / "zofo" / mutant.file
    if not path.is_file():
        raise BadEntry(f"include/zofo/{mutant.file} does not exist")
    text = path.read_text(encoding="utf-8")
    start, end = place(text, mutant)
    path.write_text(text[:start] + mutant.new + text[end:], encoding="utf-8")


def flags() -> list[str]:
    try:
        eigen = subprocess.run(["pkg-config", "--cflags", "eigen3"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        eigen = "-I/usr/include/eigen3"
    return ["-std=c++20", "-O1", "-march=native", "-fopenmp", "-w", *eigen.split()]


def compiler() -> str:
    return os.environ.get("CXX", "g++")


def call(command: list[str]) -> None:
    """Runs the compiler; its messages become the entry's error."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_LIMIT)
    except subprocess.TimeoutExpired as expired:
        raise BadEntry(f"{command[-1]}: the compiler took more than {expired.timeout:.0f} s") from expired
    if done.returncode != 0:
        raise BadEntry(f"does not compile: {done.stderr[:3000]}")


def precompile(folder: Path) -> None:
    header = folder / "common.hpp"
    header.write_text(COMMON, encoding="utf-8")
    call([compiler(), *flags(), "-x", "c++-header", str(header), "-o", f"{header}.gch"])


def sources_of(statements: list[str], folder: Path) -> list[Path]:
    """One file for each family of statements (the letter), and main."""
    families: dict[str, list[str]] = {}
    for statement in statements:
        families.setdefault(statement[0].lower(), []).append(statement)
    texts = {"main": MAIN.format(
        declarations="\n".join(f"std::vector<theory::Statement> group_{f}();" for f in families),
        groups=", ".join(f"group_{f}" for f in families))}
    for family, members in families.items():
        texts[family] = GROUP.format(
            includes="\n".join(f'#include "theory/statements/{s.lower()}.hpp"' for s in members), group=family,
            statements=", ".join(f'{{"{s}", theory::{s.lower()}}}' for s in members))
    paths = []
    for name, text in texts.items():
        paths.append(folder / f"{name}.cpp")
        paths[-1].write_text(text, encoding="utf-8")
    return sorted(paths, key=lambda path: -path.stat().st_size)


def build(statements: list[str], include: Path, common: Path, folder: Path, jobs: int) -> Path:
    """Compiles the statements against `include`, and links them."""
    options = [*flags(), "-include", str(common / "common.hpp"), f"-I{include}", f"-I{ROOT / 'tests'}"]
    sources = sources_of(statements, folder)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda s: call([compiler(), *options, "-c", str(s), "-o", str(s.with_suffix(".o"))]), sources))
    program = folder / "program"
    call([compiler(), *flags(), *(str(s.with_suffix(".o")) for s in sources), "-o", str(program), "-lfmt"])
    return program


def measure(program: Path, statement: str, number: int = 0) -> Outcome:
    """Runs one statement, with the mutant of that number (0: none)."""
    start = time.monotonic()

    def outcome(verdict: str, detail: str) -> Outcome:
        return Outcome(verdict, detail, time.monotonic() - start)

    environment = {**os.environ, "ZOFO_MUTANT": str(number), "OMP_WAIT_POLICY": "passive"}
    try:
        ran = subprocess.run([str(program), statement], capture_output=True, text=True, timeout=RUN_LIMIT,
                             env=environment)
    except subprocess.TimeoutExpired as expired:
        return outcome("error", f"took more than {expired.timeout:.0f} s")
    if ran.returncode not in (0, 1) or not ran.stdout:
        return outcome("error", f"ended with {ran.returncode}: {ran.stderr[:500]}")
    return outcome("passed" if ran.returncode == 0 else "failed", ran.stdout)


def try_all(mutants: list[Mutant], work: Path, jobs: int) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
    """The outcomes of the statements on the library as it is, and those of the mutants."""
    numbered = {number: m for number, m in enumerate(mutants, 1) if not m.constant}
    catchers = sorted({m.catcher for m in mutants})
    precompile(work)
    programs: dict[str, Path] = {}
    for name, changes in [("switched", numbered), *((m.name, m) for m in mutants if m.constant)]:
        folder = work / name
        shutil.copytree(ROOT / "include", folder / "include")
        if isinstance(changes, Mutant):
            replace(folder / "include", changes)
            statements = [changes.catcher]
        else:
            mutate(folder / "include", changes)
            statements = catchers
        print(f"compiling {name}: {', '.join(statements)}", file=sys.stderr, flush=True)
        programs[name] = build(statements, folder / "include", work, folder, jobs)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        whole = {s: pool.submit(measure, programs["switched"], s) for s in catchers}
        broken = {m.name: pool.submit(measure, programs[m.name], m.catcher) if m.constant
                  else pool.submit(measure, programs["switched"], m.catcher, number)
                  for number, m in enumerate(mutants, 1)}
        return ({s: future.result() for s, future in whole.items()},
                {name: future.result() for name, future in broken.items()})


WORDS = {"failed": "caught", "passed": "SURVIVED", "error": "ERROR"}


def write_page(mutants: list[Mutant], outcomes: dict[str, Outcome]) -> None:
    rows = ["| mutant | what is broken | file | caught by | |", "|---|---|---|---|---|"]
    for m in mutants:
        rows.append(f"| `{m.name}` | {m.change} | `{m.file}` | [{m.catcher}](README.md#{m.catcher.lower()}) | "
                    f"{WORDS[outcomes[m.name].verdict]} |")
    text = PAGE.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise SystemExit(f"{PAGE}: must have the markers {BEGIN} and {END} once each")
    head, rest = text.split(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(rows) + "\n" + END + rest.split(END)[1], encoding="utf-8")


def parse(mutants: list[Mutant]) -> tuple[argparse.Namespace, list[Mutant]]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="only this mutant; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.relative_to(ROOT)}")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="compilations and programs at a time")
    parser.add_argument("--verbose", action="store_true", help="print the tables of the statements")
    options = parser.parse_args()
    if options.jobs < 1:
        parser.error(f"--jobs {options.jobs}: must be at least 1")
    if options.only:
        unknown = set(options.only) - {m.name for m in mutants}
        if unknown:
            parser.error(f"--only {', '.join(sorted(unknown))}: no such mutant; --list prints the names")
        if options.write:
            parser.error("--write: needs all mutants, without --only")
        mutants = [m for m in mutants if m.name in options.only]
    return options, mutants


def main() -> int:
    options, mutants = parse(read_mutants(ROOT / "scripts/mutants.toml"))
    if options.list:
        print("\n".join(m.name for m in mutants))
        return 0
    start = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="zofo-mutants-") as work:
            unchanged, outcomes = try_all(mutants, Path(work), options.jobs)
    except BadEntry as bad:
        print(f"mutants: {bad}", file=sys.stderr)
        return 1

    print(f"{'mutant':28} | {'file':28} | catcher | verdict")
    for m in mutants:
        outcome = outcomes[m.name]
        print(f"{m.name:28} | {m.file:28} | {m.catcher:7} | {WORDS[outcome.verdict]} ({outcome.seconds:.0f} s)")
        if outcome.verdict == "error" or options.verbose:
            print(outcome.detail)
    for statement, outcome in unchanged.items():
        if outcome.verdict != "passed" or options.verbose:
            print(f"{statement} on the library as it is: {outcome.verdict}\n{outcome.detail}")
    caught = sum(o.verdict == "failed" for o in outcomes.values())
    good = sum(o.verdict == "passed" for o in unchanged.values())
    print(f"{caught} of {len(mutants)} mutants caught; {good} of {len(unchanged)} statements pass on the library as it "
          f"is; {time.monotonic() - start:.0f} s")
    if options.write:
        write_page(mutants, outcomes)
    return 0 if caught == len(mutants) and good == len(unchanged) else 1


if __name__ == "__main__":
    sys.exit(main())
