#!/usr/bin/env python3
"""Compiles every public header by itself, so that each includes what it uses.

    check_headers.py --build FOLDER [--jobs N] [--list]

FOLDER is configured by CMake: the headers are those of its header sets, each compiled with its library's flags and no
precompiled header, up to the end of the analysis. Exits 1 when a header fails, 2 when there is none.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import compile_commands  # noqa: E402  (the path above)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, required=True, help="a configured build folder")
    parser.add_argument("--jobs", type=int, default=1, help="compilations at a time")
    parser.add_argument("--list", action="store_true", help="print the headers and compile nothing")
    options = parser.parse_args()

    commands = compile_commands.read(options.build)
    selected = {compile_commands.first_include(c.file): c for c in commands
                if "_verify_interface_header_sets" in str(c.file)}
    selected = {name: c for name, c in selected.items() if compile_commands.is_whole(name)}
    if not selected:
        print(f"{options.build}: no header sets to verify; configure with ZOFO_BUILD_TESTS=ON", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(sorted(selected)))
        return 0
    failed = compile_commands.run_all(
        options.jobs, selected, lambda name: compile_commands.complaint(selected[name].syntax_only(),
                                                                        selected[name].folder))
    print(f"{len(selected) - failed} of {len(selected)} headers compile by themselves")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
