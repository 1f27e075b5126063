#!/usr/bin/env python3
"""Doxygen's input filter: prints a header as Doxygen 1.9.4 reads it best. Line numbers stay the same.

usage: docs_filter.py HEADER

docs/development/documentation.md lists what the filter changes, and why. DOCS_CANARY=1 also declares a function without a
comment at each place between two declarations of a namespace: tests/docs/reference_test.py checks that Doxygen reports
every one of them, that is, that no part of a header is lost to its parser.
"""

import os
import re
import sys
from pathlib import Path

TEMPLATE = r"(?:template <[^\n]*>\s+)?"
# Declarations that need no comment of their own, and the comment that the reference shows for them.
COMMENTS = [
    (rf"^{TEMPLATE}\w+\([^;{{}}]*\) -> \w[^;{{}}]*;", "Deduction guide."),
    (r"^ *(?:friend bool operator==|bool operator==|friend auto operator<=>|auto operator<=>)\([^;{}]*= default;",
     "Compares member by member."),
    (r"^ *(?:\w+& operator=|\w+)\(\w[\w ]*(?:<[^()]*>)?&&?\) (?:noexcept )?= delete;", "Deleted."),
    (r"^ *(?:constexpr )?(\w+)\(const \1(?:<[^()]*>)?&(?: \w+)?\)", "Copies."),
    (r"^ *(?:constexpr )?(\w+)\(\1(?:<[^()]*>)?&&(?: \w+)?\)", "Moves."),
    (r"^ *(?:constexpr )?(\w+)& operator=\(const \1&(?: \w+)?\)", "Copies."),
    (r"^ *(?:constexpr )?(\w+)& operator=\(\1&&(?: \w+)?\)", "Moves."),
    (r"^ *(?:explicit )?\w+\(\) (?:noexcept )?= default;", "Default values."),
    (r"^ *using Theta = [^;]*;", "Type of the backbone θ (concept HasProblemTypes)."),
    (r"^ *using Adapter = [^;]*;", "Type of the adapters p and s (concept HasProblemTypes)."),
    (r"^template <>\s+inline constexpr [^;=({]*\benum_names<\w+>\s*[={]", "Names of the values, in their order."),
]
COMMENTED = re.compile(r"(?:///[^\n]*|\*/\s*)\n\Z")


def with_comments(text: str) -> str:
    for pattern, comment in COMMENTS:
        def commented(match, comment=comment):
            if COMMENTED.search(text, max(0, match.start() - 300), match.start()):
                return match.group(0)
            return f"/** {comment} */ {match.group(0)}"
        text = re.sub(pattern, commented, text, flags=re.M)
    return text


def without_foreign(text: str) -> str:
    """Hides specialisations of other libraries' templates: Doxygen looks for the template among the sources."""
    return re.sub(rf"^{TEMPLATE}struct (?:fmt|std)::\w+<[^;{{]*{{.*?^}};", r"/** @cond */ \g<0> /** @endcond */", text,
                  flags=re.M | re.S)


def with_canaries(text: str) -> str:
    lines, count, depth = text.split("\n"), 0, 0
    for index, line in enumerate(lines):
        if re.match(r"namespace [\w:]+ \{", line):
            depth += 0 if "detail" in line else 1
        elif re.match(r"\}  // namespace", line):
            depth -= 0 if "detail" in line else 1
        previous = next((before for before in reversed(lines[:index]) if before), "")
        hidden = any(re.match(r"namespace .*detail", before) for before in lines[:index]) and not any(
            re.match(r"\}  // namespace .*detail", before) for before in lines[:index])
        if line == "" and depth > 0 and not hidden and re.match(r"\S.*[;}]|namespace [\w:]+ \{$", previous):
            lines[index] = f"void docs_canary_{count}(int);"
            count += 1
    return "\n".join(lines)


def filtered(path: Path, text: str) -> str:
    name = "/".join(path.parts[path.parts.index("include") + 1:]) if "include" in path.parts else path.name
    # `@file` takes the next word as the file's name.
    text = re.sub(r"^/// @file ", f"/// @file {name} @brief ", text, count=1, flags=re.M)
    text = without_foreign(with_comments(text))
    return with_canaries(text) if os.environ.get("DOCS_CANARY") == "1" else text


if __name__ == "__main__":
    source = Path(sys.argv[1])
    sys.stdout.write(filtered(source, source.read_text(encoding="utf-8")))
