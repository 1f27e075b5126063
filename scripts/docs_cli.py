#!/usr/bin/env python3
"""Compares docs/cli, the command-line reference, with the help of the program; --write writes the pages.

usage: docs_cli.py ZOFO [--folder docs/cli] [--write]

Exits with 1 if a page differs, is missing, or belongs to no command.
"""

import argparse
import difflib
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8"}


@functools.cache
def help_of(program: str, *command: str) -> str:
    run = subprocess.run([program, *command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                         env=ENVIRONMENT)
    if run.returncode != 0 or not run.stdout:
        sys.exit(f"docs_cli: {program} {' '.join(command)} --help: exit code {run.returncode}\n{run.stderr}")
    # The default folder of task definitions is where this program was built or installed.
    text = re.sub(r"=/\S*/tasks$", "=(installation)/tasks", run.stdout.strip("\n"), flags=re.M)
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def commands(text: str) -> list:
    """(name, description) of the subcommands that the program's own help lists."""
    part = re.search(r"^Subcommands:\n((?:  .*\n|\n)+)", text, re.M)
    found = re.findall(r"^  (\w[\w-]*) +(\S.*(?:\n {10,}\S.*)*)", part[1] if part else "", re.M)
    if not found:
        sys.exit("docs_cli: the help lists no subcommands")
    return [(name, " ".join(description.split())) for name, description in found]


def pages(program: str) -> dict:
    """name of the file -> contents"""
    top = help_of(program)
    listed = commands(top)
    rows = "".join(f"| [`zofo {name}`]({name}.md) | {description} |\n" for name, description in listed)
    made = {"README.md": "# Commands\n\nThese pages are the output of `zofo COMMAND --help`. "
                         "`python3 scripts/docs_cli.py ZOFO --write` writes them.\n\n"
                         f"| command | purpose |\n|---|---|\n{rows}\n```text\n{top}```\n"}
    for name, description in listed:
        text = help_of(program, name)
        page = f"# zofo {name}\n\n```text\n{text}```\n"
        for inner, _ in commands(text) if "\nSubcommands:\n" in text else ():
            page += f"\n## zofo {name} {inner}\n\n```text\n{help_of(program, name, inner)}```\n"
        made[f"{name}.md"] = page
    return made


def difference(folder: Path, made: dict) -> str:
    committed = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    lines = []
    for name in sorted(committed.keys() | made.keys()):
        lines += difflib.unified_diff(committed.get(name, "").splitlines(), made.get(name, "").splitlines(),
                                      f"docs/cli/{name}", f"the program's help ({name})", lineterm="")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs/cli")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    made = pages(arguments.program)
    if arguments.write:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        for path in arguments.folder.glob("*.md"):
            if path.name not in made:
                path.unlink()
        for name, text in made.items():
            (arguments.folder / name).write_text(text, encoding="utf-8")
        return 0
    different = difference(arguments.folder, made)
    if different:
        print(different)
        print(f"docs_cli: {arguments.folder} differs from the help of {arguments.program}. If the help is right: "
              f"python3 scripts/docs_cli.py {arguments.program} --write", file=sys.stderr)
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
