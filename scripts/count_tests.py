#!/usr/bin/env python3
"""Counts test cases in ctest's JUnit files and prints `N passed, N failed`, then `, N skipped` if any were.

A Catch2 program counts with its test cases, anything else as one; a file that is missing (its build failed) is one
failure. A program that states, by its exit code or its output, that the machine lacks what it tests (a GPU) is one
skipped. Exits 1 if anything failed.
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

ALL_PASSED = re.compile(r"^All tests passed \(.*? in (\d+) test cases?\)", re.MULTILINE)
SUMMARY = re.compile(r"^test cases:(.*)$", re.MULTILINE)


def count(case: ElementTree.Element) -> tuple[int, int, int]:
    """(passed, failed, skipped) of one ctest entry."""
    output = case.findtext("system-out") or ""
    if case.get("status") == "run":
        found = ALL_PASSED.findall(output)
        return (int(found[-1]) if found else 1), 0, 0
    skip = case.find("skipped")
    if skip is not None and skip.get("message", "").startswith(("SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION")):
        return 0, 0, 1
    if case.get("status") in ("notrun", "disabled") and skip is not None:
        return 0, 1, 0  # the program was not built
    passed, failed = 0, 0
    found = SUMMARY.findall(output)
    if found:
        for number, word in re.findall(r"(\d+) (passed|failed)", found[-1]):
            passed, failed = (int(number), failed) if word == "passed" else (passed, int(number))
    return passed, max(failed, 1), 0


def main(paths: list[str]) -> int:
    passed, failed, skipped = 0, 0, 0
    for path in paths:
        try:
            cases = ElementTree.parse(path).getroot().iter("testcase")
        except (OSError, ElementTree.ParseError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            failed += 1
            continue
        for case in cases:
            good, bad, left = count(case)
            passed, failed, skipped = passed + good, failed + bad, skipped + left
    print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
