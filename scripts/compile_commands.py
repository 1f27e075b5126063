"""Reads the compile commands of a build folder (compile_commands.json) and runs many of them."""

import concurrent.futures
import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIRST_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"]+)[>"]', re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Command:
    file: Path
    arguments: tuple[str, ...]
    folder: Path

    def syntax_only(self) -> list[str]:
        """The command without its object file and launcher (ccache)."""
        kept, skip = [], False
        for argument in self.arguments:
            if skip:
                skip = False
            elif argument == "-o":
                skip = True
            elif argument != "-c":
                kept.append(argument)
        while kept and Path(kept[0]).name == "ccache":
            kept.pop(0)
        return [*kept, "-fsyntax-only"]


def read(build: Path) -> list[Command]:
    path = build / "compile_commands.json"
    with path.open(encoding="utf-8") as file:
        return [Command(Path(entry["file"]), tuple(shlex.split(entry["command"])), Path(entry["directory"]))
                for entry in json.load(file)]


def first_include(path: Path) -> str:
    found = FIRST_INCLUDE.search(path.read_text(encoding="utf-8"))
    return found.group(1) if found else ""


def is_whole(header: str) -> bool:
    """Whether a header stands for itself. One without the pragma is text for the inside of a namespace, and those that
    include it show it."""
    return "#pragma once" in (ROOT / "include" / header).read_text(encoding="utf-8")


def run_all(jobs: int, names: Iterable[str], run: Callable[[str], str]) -> int:
    """Calls `run` for each name, prints results that are not empty and returns their number."""
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        names = list(names)
        waiting = {pool.submit(run, name): name for name in names}
        for done, future in enumerate(concurrent.futures.as_completed(waiting), 1):
            complaint = future.result()
            failed += bool(complaint)
            if complaint:
                print(f"{waiting[future]}: FAILED\n{complaint}", flush=True)
            if sys.stderr.isatty():
                print(f"\r\033[K{done} of {len(names)}", end="" if done < len(names) else "\r\033[K", file=sys.stderr,
                      flush=True)
    return failed


def complaint(command: list[str], folder: Path, limit: float = 900) -> str:
    """The output of the command if it failed, else an empty text."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return f"took more than {limit:.0f} s"
    return "" if done.returncode == 0 else (done.stdout + done.stderr)[-6000:] or f"exit code {done.returncode}"
