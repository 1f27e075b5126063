#!/usr/bin/env python3
"""Doxygen's input filter: rewrites a header for the parser of Doxygen 1.9.4. Line numbers stay the same.

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
            declaration = match.group(0).lstrip(" ")
            return f"{match.group(0)[:-len(declaration)]}/** {comment} */ {declaration}"
        text = re.sub(pattern, commented, text, flags=re.M)
    return text


def without_foreign(text: str) -> str:
    """Hides specialisations of other libraries' templates, which Doxygen looks for among the sources, and declarations of
    instances, which it takes for definitions of members."""
    text = re.sub(r"^extern template [^;]*;", r"/** @cond */ \g<0> /** @endcond */", text, flags=re.M)
    return re.sub(rf"^{TEMPLATE}struct (?:fmt|std)::\w+<[^;{{]*{{.*?^}};", r"/** @cond */ \g<0> /** @endcond */", text,
                  flags=re.M | re.S)


def with_canaries(name: str, text: str) -> str:
    """A declaration on each empty line that follows the end of a declaration of a namespace outside detail."""
    lines, open_namespaces, previous, count = text.split("\n"), [], "", 0
    for index, line in enumerate(lines):
        opened = re.match(r"namespace ([\w:]+) \{", line)
        if opened:
            open_namespaces.append(opened[1])
        elif re.match(r"\}  // namespace", line) and open_namespaces:
            open_namespaces.pop()
        visible = open_namespaces and not any("detail" in opened for opened in open_namespaces)
        if not line and visible and re.match(r"(?:\S.*)?[;}]$|namespace [\w:]+ \{$", previous):
            lines[index] = f"void docs_canary_{re.sub(r'[^a-z0-9]', '_', name)}_{count}(int);"
            count += 1
        previous = line or previous
    return "\n".join(lines)


def filtered(path: Path, text: str) -> str:
    name = "/".join(path.parts[path.parts.index("include") + 1:]) if "include" in path.parts else path.name
    # `@file` takes the next word as the file's name.
    text = re.sub(r"^/// @file ", f"/// @file {name} @brief ", text, count=1, flags=re.M)
    text = without_foreign(with_comments(text))
    return with_canaries(name, text) if os.environ.get("DOCS_CANARY") == "1" else text


if __name__ == "__main__":
    source = Path(sys.argv[1])
    sys.stdout.write(filtered(source, source.read_text(encoding="utf-8")))
