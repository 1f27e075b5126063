#!/usr/bin/env python3
"""Builds the reference with Doxygen and lists the public names of include/zofo that have no comment.

usage: docs_reference.py [--out FOLDER] [--count] [--no-html] [FOLDER_OR_HEADER…]

Doxygen 1.9.4 reports undocumented members, but neither concepts nor classes without members: those come from its XML.
Exits with 1 if a name has no comment, or a comment has an error.
"""

import argparse
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOXYFILE = ROOT / "docs/Doxyfile"
CLASSES = {"struct", "class", "union", "concept"}
MEMBERS = {"function", "variable", "typedef", "enum"}


def run_doxygen(root: Path, out: Path, inputs: list, html: bool) -> list:
    """Doxygen's messages: (file, line, message)."""
    for old in ("xml", "reference") if html else ("xml",):  # pages of removed headers
        shutil.rmtree(out / old, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    settings = DOXYFILE.read_text() + f"\nOUTPUT_DIRECTORY = {out}\nGENERATE_XML = YES\nXML_PROGRAMLISTING = NO\n"
    settings += f'INPUT_FILTER = "{sys.executable} -B {ROOT}/scripts/docs_filter.py"\n'
    settings += f"GENERATE_HTML = {'YES' if html else 'NO'}\n"
    if inputs:
        settings += "INPUT = " + " ".join(inputs) + "\n"
    run = subprocess.run(["doxygen", "-"], input=settings, text=True, cwd=root, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    found = []
    for line in run.stderr.splitlines():
        match = re.match(r"(.*?):(\d+): (?:error|warning): (.*)", line)
        if match:
            path = Path(match[1])
            name = str(path.relative_to(root)) if path.is_relative_to(root) else match[1]
            found.append((name, int(match[2]), match[3]))
        elif line.startswith(" ") and found:  # continues the message
            found[-1] = (*found[-1][:2], f"{found[-1][2]} {line.strip()}")
        elif line.strip() and line != "Possible candidates:":
            found.append(("doxygen", 0, line.strip()))
    if run.returncode not in (0, 1) or (run.returncode and not found):
        sys.exit(f"docs_reference: doxygen ended with {run.returncode}: {run.stderr}")
    return found


def described(node) -> bool:
    return any("".join(node.find(part).itertext()).strip() for part in ("briefdescription", "detaileddescription")
               if node.find(part) is not None)


def undocumented(xml: Path) -> list:
    """(file, line, message) of the public classes, concepts and members that the XML has without a description."""
    compounds = [ElementTree.parse(path).getroot().find("compounddef") for path in sorted(xml.glob("*.xml"))]
    compounds = [compound for compound in compounds
                 if compound is not None and compound.get("kind") in CLASSES | {"namespace"}]
    private = tuple(compound.findtext("compoundname") + "::" for compound in compounds if compound.get("prot") == "private")
    found = []
    for compound in compounds:
        name = compound.findtext("compoundname")
        if re.search(r"\b(detail|std)\b", name) or (name + "::").startswith(private):
            continue
        if compound.get("kind") in CLASSES and not described(compound):
            found.append((*place(compound), f"Compound {name} is not documented."))
        for member in compound.iter("memberdef"):
            public = member.get("prot") in ("public", "protected")
            member_name = member.findtext("name")
            given = member_name.startswith("~") or re.search(r"=\s*(delete|default)$", member.findtext("argsstring", ""))
            if member.get("kind") in MEMBERS and public and member_name and not given and not described(member):
                found.append((*place(member), f"Member {member_name} ({member.get('kind')}) of {name} is not documented."))
    return sorted(set(found))


def place(node) -> tuple:
    location = node.find("location")
    return location.get("file"), int(location.get("line", 0))


def relative(root: Path, file: str) -> str:
    return file if file.startswith("include/") or not (root / "include" / file).exists() else f"include/{file}"


def check(root: Path, out: Path, inputs: list, html: bool) -> list:
    found = run_doxygen(root, out, inputs, html)
    reported = {(file, line) for file, line, message in found if "is not documented" in message}
    for file, line, message in undocumented(out / "xml"):
        file = relative(root, file)
        if (file, line) not in reported:
            found.append((file, line, message))
    return sorted(set(found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="source tree (default: this one)")
    parser.add_argument("--out", type=Path, default=ROOT / "build/reference")
    parser.add_argument("--no-html", action="store_true", help="only look for names without a comment")
    parser.add_argument("--count", action="store_true", help="also print the number in each folder")
    parser.add_argument("inputs", nargs="*", help="folders or headers (default: include/zofo)")
    words = parser.parse_args()
    found = check(words.root.resolve(), words.out.resolve(), words.inputs, not words.no_html)
    for file, line, message in found:
        print(f"{file}:{line}: {message}")
    if words.count:
        counts = Counter(file.rpartition("/")[0] for file, _, _ in found)
        for folder in sorted(counts):
            print(f"{counts[folder]:5d}  {folder}")
    print(f"docs_reference: {len(found)} found", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
