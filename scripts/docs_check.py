#!/usr/bin/env python3
"""Follows every link of the documents and every citation in documents, sources and tests.

usage: docs_check.py [--root FOLDER] [links] [citations]

* links: relative links of README.md, CONTRIBUTING.md and docs, and their anchors; pages that no page links to.
* citations: paths of this repository and names of documents that a file names must exist; statements of the theory (E1) must
  have a heading in docs/results/theory, and a header that names one must name docs/results/theory, too.

Prints `FILE:LINE: problem` and exits with 1 if there is one.
"""

import argparse
import re
import sys
from pathlib import Path
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).resolve().parent))
from docs_markdown import Page, pages  # noqa: E402
from source_text import CPP_SUFFIXES, read_prose  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
THEORY = "docs/results/theory/README.md"
SOURCES = ("include", "src", "tools", "bench", "examples", "tests", "scripts", "cmake", ".ci", "tasks")
FILES = ("README.md", "CONTRIBUTING.md", "CMakeLists.txt", "run", "mkdocs.yml")
SKIPPED = ("tests/docs/", "tests/words/", "tests/fuzz/corpus/", "tests/fuzz/findings/")
TEXT_SUFFIXES = CPP_SUFFIXES | {".py", ".md", ".cmake", ".toml", ".txt", ".yml", ".cff", ""}
DOCS_PATH = re.compile(r"(?<![\w/.-])docs/[\w./-]*[\w/]")
DOCUMENT = re.compile(r"(?<![\w/.-])[A-Z][A-Z_]{2,}\.md\b")
STATEMENT = re.compile(r"(?<![\w.+-])(?:[PEC]\d{1,2}|I(?!8\b|16\b|32\b|64\b)\d{1,2})(?![\w.])")
FILE = re.compile(r"(?<![\w/.-])(?:scripts|tests|tools|bench|examples|cmake|src|include)/[a-z0-9_./-]*\.(?:py|[hc]pp|cuh?|md|toml|cmake)\b")
# The reference is built, not committed.
BUILT = "docs/reference/"


def check_links(root: Path) -> list:
    found = []
    all_pages = {page.name: page for page in pages(root)}
    linked = {"README.md", "CONTRIBUTING.md", "docs/index.md"}
    for page in all_pages.values():
        for line, target in page.links:
            problem, to = _follow(root, all_pages, page, unquote(target))
            linked.add(to)
            if problem:
                found.append(f"{page.name}:{line}: {target}: {problem}")
    for name in sorted(all_pages.keys() - linked):
        found.append(f"{name}:1: no page links to this one")
    return found


def _follow(root: Path, all_pages: dict, page: Page, target: str) -> tuple:
    """(problem or None, path of the linked file in the repository)"""
    if re.match(r"[a-z][a-z+.-]*:", target, re.I):
        return (None if target.startswith(("http://", "https://", "mailto:")) else "unknown scheme"), None
    if target.startswith("/"):
        return "must be relative", None
    path, _, anchor = target.partition("#")
    to = (root / page.name).parent / path if path else root / page.name
    to = Path(re.sub(r"/\./", "/", str(to))).resolve() if path else to
    if not to.is_relative_to(root):
        return "leaves the repository", None
    name = to.relative_to(root).as_posix()
    if name.startswith(BUILT):
        return None, name
    if not to.exists():
        return f"{name} does not exist", name
    if to.is_dir():
        return ("is a folder: link to a page" if name.startswith("docs") else None), name
    if anchor:
        linked = all_pages.get(name) or (Page.read(root, to) if to.suffix == ".md" else None)
        if linked is None or anchor not in linked.anchors:
            return f"{name} has no anchor #{anchor}", name
        if anchor in {repeated for _, repeated in linked.repeated_headings}:
            return f"{name} has more than one heading with the anchor #{anchor}", name
    return None, name


def source_files(root: Path) -> list:
    found = [root / name for name in FILES if (root / name).is_file()]
    for folder in (*SOURCES, "docs"):
        found += sorted(path for path in (root / folder).rglob("*") if path.is_file() and path.suffix in TEXT_SUFFIXES)
    names = [(path.relative_to(root).as_posix(), path) for path in found]
    return [(name, path) for name, path in names if not name.startswith(SKIPPED) and "__pycache__" not in name]


def statements(root: Path) -> set:
    if not (root / THEORY).is_file():
        raise ValueError(f"{THEORY} does not exist")
    texts = [page.read_text(encoding="utf-8") for page in (root / THEORY).parent.glob("*.md")]
    return set(re.findall(r"^#{2,4} ([A-Z]\d+)\b", "\n".join(texts), re.M))


def check_citations(root: Path) -> list:
    found, known = [], statements(root)
    for name, path in source_files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an input of a test
        found += _documents(root, name, text)
        if not name.startswith("tests/"):  # tests write trees of their own
            found += _files(root, name, read_prose(path, text))
        if path.suffix in CPP_SUFFIXES:
            found += _statements(name, read_prose(path, text), known)
    return found


def _documents(root: Path, name: str, text: str) -> list:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for cited in DOCS_PATH.findall(line):
            if not (root / cited).exists() and not cited.startswith(BUILT):
                found.append(f"{name}:{number}: cites {cited}, which does not exist")
        for cited in DOCUMENT.findall(line):
            if not (root / cited).exists() and not ((root / name).parent / cited).exists():
                found.append(f"{name}:{number}: cites {cited}, which does not exist")
    return found


def _files(root: Path, name: str, prose: str) -> list:
    return [f"{name}:{number}: cites {cited}, which does not exist" for number, line in enumerate(prose.splitlines(), 1)
            for cited in FILE.findall(line) if not (root / cited).exists()]


def _statements(name: str, prose: str, known: set) -> list:
    found, lines = [], prose.splitlines()
    for number, line in enumerate(lines, 1):
        for cited in STATEMENT.findall(line):
            near = " ".join(lines[max(0, number - 4):number])
            if cited not in known:
                found.append(f"{name}:{number}: cites statement {cited}, which docs/results/theory does not have")
            elif name.startswith("include/") and "docs/results/theory" not in near:
                found.append(f"{name}:{number}: cites statement {cited} without its place: write (docs/results/theory, {cited})")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("checks", nargs="*", choices=["links", "citations", []], help="default: both")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    found = []
    if "links" in arguments.checks or not arguments.checks:
        found += check_links(root)
    if "citations" in arguments.checks or not arguments.checks:
        found += check_citations(root)
    print("\n".join(found), end="\n" if found else "")
    print(f"docs_check: {len(found)} found", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
