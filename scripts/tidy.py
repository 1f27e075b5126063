#!/usr/bin/env python3
"""Runs clang-tidy with the checks of .clang-tidy over the headers and the sources; each finding is a failure.

    tidy.py --build FOLDER [--clang-tidy PROGRAM] [--jobs N] [FILE...]

FOLDER is configured by CMake. The headers of one library are checked together, as one file that includes all of them;
the sources are those of src/ and tools/, together as they are compiled (unity files), which spares most of the time.
FILE...: only these sources, or `headers`. Exits 1 on a finding.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compile_commands  # noqa: E402  (the path above)
from compile_commands import ROOT, Command  # noqa: E402

INCLUDED = re.compile(r'^#include "(/.*\.cpp)"$', re.MULTILINE)  # as CMake writes them


def header_files(commands: list[Command], folder: Path) -> dict[str, Command]:
    """For each library, a file that includes all of its headers, with the command of one of them."""
    libraries: dict[str, dict[str, Command]] = {}
    for command in commands:
        for part in command.file.parts:
            if part.endswith("_verify_interface_header_sets"):
                library = part.removesuffix("_verify_interface_header_sets")
                name = compile_commands.first_include(command.file)
                if compile_commands.is_whole(name):
                    libraries.setdefault(library, {})[name] = command
    result = {}
    for library, headers in libraries.items():
        path = folder / f"{library}_headers.cpp"
        path.write_text("".join(f"#include <{name}>\n" for name in sorted(headers)), encoding="utf-8")
        one = next(iter(headers.values()))
        arguments = tuple(str(path) if argument == str(one.file) else argument for argument in one.arguments)
        result[f"headers of {library}"] = Command(path, arguments, one.folder)
    return result


def sources_of(command: Command) -> list[str]:
    """The sources of src/ and tools/ that a command compiles: several where they are compiled as one unity file."""
    files = [command.file]
    if command.file.parent.name == "Unity":
        files = [Path(name) for name in INCLUDED.findall(command.file.read_text(encoding="utf-8"))]
    return [str(file.relative_to(ROOT)) for file in files
            if file.is_relative_to(ROOT / "src") or file.is_relative_to(ROOT / "tools")]


def tidy_command(program: str, command: Command) -> list[str]:
    headers = "include/zofo/" if "_headers.cpp" in command.file.name else "(src|tools)/"
    # The compiler's own warnings are failures of the builds.
    return [program, "--quiet", "--warnings-as-errors=*", f"--header-filter={ROOT}/{headers}",
            f"--config-file={ROOT / '.clang-tidy'}", str(command.file), "--", *command.syntax_only()[1:], "-w"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="a configured build folder")
    parser.add_argument("--clang-tidy", default="clang-tidy-19", metavar="PROGRAM")
    parser.add_argument("--jobs", type=int, default=1, help="files at a time")
    parser.add_argument("files", nargs="*", metavar="FILE", help="a source file, or `headers`")
    options = parser.parse_args()

    commands = compile_commands.read(options.build)
    compiled = {command.file: sources_of(command) for command in commands}
    sources = {", ".join(compiled[c.file]): c for c in commands if c.file.suffix != ".cu" and compiled[c.file]}
    with tempfile.TemporaryDirectory(prefix="zofo-tidy-") as folder:
        headers = header_files(commands, Path(folder))
        selected = {**headers, **sources}
        if options.files:
            wanted = set(options.files)
            known = {"headers", *headers, *(name for names in compiled.values() for name in names)}
            if unknown := sorted(wanted - known):
                parser.error(f"{', '.join(unknown)}: not compiled in {options.build}; sources of src/ and tools/ are")
            selected = {name: c for name, c in selected.items()
                        if not wanted.isdisjoint(compiled.get(c.file, [])) or name in wanted
                        or (name in headers and "headers" in wanted)}
        if not selected:
            print(f"{options.build}: nothing to check; configure with ZOFO_BUILD_TESTS=ON", file=sys.stderr)
            return 2
        failed = compile_commands.run_all(
            options.jobs, selected,
            lambda name: compile_commands.complaint(tidy_command(options.clang_tidy, selected[name]),
                                                    selected[name].folder))
    print(f"clang-tidy: {len(selected) - failed} of {len(selected)} compilations without a finding")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
