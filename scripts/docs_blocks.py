#!/usr/bin/env python3
"""Compiles the C++ blocks and runs the shell blocks of README.md, CONTRIBUTING.md and docs.

usage: docs_blocks.py cpp [--compiler g++] [--include FOLDER]… [--cuda-include FOLDER] [PAGE…]
       docs_blocks.py shell --zofo PROGRAM [PAGE…]

docs/development/documentation.md lists the markers of blocks. A block without the marker that it needs is an error.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from docs_markdown import Block, pages  # noqa: E402
from docs_shell import run_pages  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SHELL = {"sh", "bash", "shell", "console"}
INCLUDE = re.compile(r"^ *#include +([<\"][^>\"]+[>\"]).*$", re.M)
# Only command lines start with these words: such a block is not output.
COMMAND = re.compile(r"^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\./run|\.ci/run|\S*/?zofo|\S*/zofo_\w+|cmake|ctest|python3|pip3?|apt(?:-get)?|git|export|"
                     r"scripts/\S+\.py)(?: |$)", re.M)
KINDS = {"program": "declarations", "body of main": "body", "declarations": "declarations", "continue": None, "continue with body of main": "body",
         "own file": "own file"}


class Mistake(Exception):
    pass


@dataclass
class Group:
    """Blocks that continue each other: one namespace of a translation unit, or a unit of its own."""

    parts: list = field(default_factory=list)  # (kind, block)
    includes: list = field(default_factory=list)
    cuda: bool = False
    own_file: bool = False


def refuse(block: Block, message: str):
    raise Mistake(f"{block.page}:{block.line}: {message}")


def parse_marker(block: Block) -> dict:
    """kind, includes and cuda of a C++ block; kind None: it continues the one before."""
    if block.marker.startswith("compile:"):
        first, *rest = [part.strip() for part in block.marker.removeprefix("compile:").split(",")]
        if first == "cuda":
            first, rest = "program", ["needs cuda", *rest]
        if first not in KINDS:
            refuse(block, f"compile: {first}: must be one of {', '.join(KINDS)}")
        marker = {"kind": KINDS[first], "continues": first.startswith("continue"), "includes": [], "cuda": False}
        for part in rest:
            if part == "needs cuda":
                marker["cuda"] = True
            elif re.fullmatch(r"includes(?: [<\"][^<>\"]+[>\"])+", part):
                marker["includes"] += re.findall(r"[<\"][^<>\"]+[>\"]", part)
            else:
                refuse(block, f"compile: {part}: must be \"needs cuda\" or \"includes <a> \\\"b\\\"\"")
        return marker
    if not re.search(r"\bint main\(", block.text):
        refuse(block, "a C++ block must be a complete program, or have a marker above it: <!-- compile: … --> or "
                      "<!-- not compiled: REASON -->")
    return {"kind": "declarations", "continues": False, "includes": [], "cuda": False}


def groups(blocks: list) -> list:
    made = []
    for block in blocks:
        if reason(block, "not compiled"):
            continue
        marker = parse_marker(block)
        if marker["continues"]:
            if not made:
                refuse(block, "compile: continue: no C++ block before this one")
            kind = marker["kind"] or made[-1].parts[-1][0]
        else:
            made.append(Group(cuda=marker["cuda"], own_file=marker["kind"] == "own file"))
            kind = "declarations" if marker["kind"] == "own file" else marker["kind"]
        made[-1].parts.append((kind, block))
        made[-1].includes += marker["includes"] + INCLUDE.findall(block.text)
        made[-1].cuda |= marker["cuda"]
    return made


def reason(block: Block, mark: str) -> bool:
    """Whether the block's marker is `mark: REASON`."""
    if not block.marker.startswith(mark):
        return False
    if not re.match(rf"{mark}: \S", block.marker):
        refuse(block, f"{mark}: needs a reason: <!-- {mark}: REASON -->")
    return True


def unit(made: list) -> str:
    """A translation unit of these groups; the compiler's messages name the page's lines."""
    includes = dict.fromkeys(include for group in made for include in group.includes)
    lines = [f"#include {include}" for include in includes]
    for number, group in enumerate(made):
        lines.append("" if group.own_file else f"namespace docs_block_{number} {{")
        for index, (kind, block) in enumerate(group.parts):
            before = group.parts[index - 1][0] if index else None
            after = group.parts[index + 1][0] if index + 1 < len(group.parts) else None
            if kind == "body" and before != "body":
                lines.append(f"void docs_body_{index}() {{")
            lines += [f'#line {block.line} "{block.page}"', INCLUDE.sub("", block.text)]
            if kind == "body" and after != "body":
                lines.append("}")
        lines.append("" if group.own_file else "}")
    return "\n".join(lines) + "\n"


def units(page) -> list:
    """(cuda, text) of a page's translation units."""
    made = groups([block for block in page.blocks if block.language in ("cpp", "c++", "cuda")])
    found = [(group.cuda, unit([group])) for group in made if group.own_file]
    for cuda in (False, True):
        shared = [group for group in made if not group.own_file and group.cuda == cuda]
        if shared:
            found.append((cuda, unit(shared)))
    return found


def compile_unit(command: list, text: str) -> str:
    run = subprocess.run([*command, "-x", "c++", "-"], input=text, text=True, cwd=ROOT, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT)
    return "" if run.returncode == 0 else run.stdout or f"the compiler ended with {run.returncode}"


def check_cpp(chosen: list, command: list, cuda_include: str, jobs: int) -> list:
    found, work, skipped = [], [], 0
    for page in chosen:
        try:
            for cuda, text in units(page):
                if cuda and not cuda_include:
                    skipped += 1
                else:
                    work.append((command + (["-isystem", cuda_include] if cuda else []), text))
        except Mistake as mistake:
            found.append(str(mistake))
    with ThreadPoolExecutor(jobs) as pool:
        found += [message for message in pool.map(lambda one: compile_unit(*one), work) if message]
    print(f"docs_blocks: {len(work)} units compiled" + (f", {skipped} skipped: no CUDA headers" if skipped else ""),
          file=sys.stderr)
    return found


def check_languages(chosen: list) -> list:
    """Commands are in blocks of a shell, and C++ in blocks of C++: others are checked by nothing."""
    found = []
    for page in chosen:
        for block in page.blocks:
            if block.language in (None, "", "text"):
                command = COMMAND.search(block.text)
                if command:
                    found.append(f"{block.page}:{block.line}: \"{command[0].strip()}\" in a block that is not ```sh")
                elif INCLUDE.search(block.text):
                    found.append(f"{block.page}:{block.line}: \"#include\" in a block that is not ```cpp")
    return found


def check_shell(chosen: list, program: str) -> list:
    found, work = check_languages(chosen), []
    for page in chosen:
        blocks = [block for block in page.blocks if block.language in SHELL]
        try:
            blocks = [block for block in blocks if not reason(block, "not run")]
            for block in blocks:
                if not re.match(r"run(?:, with .+)?$", block.marker):
                    refuse(block, "a shell block needs a marker above it: <!-- run -->, <!-- run, with A -> B --> or "
                                  "<!-- not run: REASON -->")
            work += [blocks] if blocks else []
        except Mistake as mistake:
            found.append(str(mistake))
    found += run_pages(work, program)
    print(f"docs_blocks: {sum(map(len, work))} shell blocks run", file=sys.stderr)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    sub = parser.add_subparsers(dest="what", required=True)
    cpp = sub.add_parser("cpp")
    cpp.add_argument("--compiler", default="g++")
    cpp.add_argument("--include", action="append", default=[])
    cpp.add_argument("--cuda-include", default="", help="folder of the CUDA headers; without it those blocks are skipped")
    cpp.add_argument("--jobs", type=int, default=os.cpu_count())
    shell = sub.add_parser("shell")
    shell.add_argument("--zofo", required=True)
    for one in (cpp, shell):
        one.add_argument("pages", nargs="*")
    arguments = parser.parse_args()
    chosen = [page for page in pages(arguments.root.resolve()) if not arguments.pages or page.name in arguments.pages]
    if arguments.pages and len(chosen) != len(set(arguments.pages)):
        sys.exit(f"docs_blocks: not found: {set(arguments.pages) - {page.name for page in chosen}}")
    if arguments.what == "cpp":
        command = [arguments.compiler, "-std=c++20", "-fopenmp", "-fsyntax-only", "-w", f"-I{ROOT}/include"]
        command += [f"-isystem{folder}" for folder in arguments.include]
        found = check_cpp(chosen, command, arguments.cuda_include, arguments.jobs)
    else:
        found = check_shell(chosen, str(Path(arguments.zofo).resolve()))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
