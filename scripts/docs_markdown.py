"""Parses Markdown pages for the checks of the documents: headings, links and code blocks, each with its line."""

import re
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^( *)(`{3,}|~{3,})\s*([^\s`]*)[^`]*$")
COMMENT = re.compile(r"^ *<!-- *(.*?) *-->\s*$")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^()\s]*\)[^()\s>]*)?)>?(?:\s+\"[^\"]*\")?\s*\)")
HTML_LINK = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
HTML_ANCHOR = re.compile(r"<\w+\b[^>]*?\b(?:id|name)=\"([^\"]+)\"")


@dataclass
class Block:
    """A code block. An indented one has the language None."""

    page: str
    line: int  # of its first line of code
    language: str
    text: str
    marker: str = ""  # the HTML comment right above it


def slug(heading: str) -> str:
    """The anchor of a heading as GitHub makes it."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"[`*]|(?<!\w)_|_(?!\w)", "", text).strip().lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


class Page:
    def __init__(self, name: str, text: str):
        self.name = name
        self.lines = text.splitlines()
        self.blocks = []
        self._prose = [""] * len(self.lines)  # the lines outside code blocks
        self._read()

    @classmethod
    def read(cls, root: Path, path: Path):
        return cls(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    def _read(self):
        index, in_list = 0, False
        while index < len(self.lines):
            line = self.lines[index]
            fence = FENCE.match(line)
            if fence:
                index = self._fenced(index, fence)
                continue
            blank_before = index == 0 or not self.lines[index - 1].strip()
            if line.startswith("    ") and blank_before and not in_list:
                index = self._indented(index)
                continue
            if re.match(r" {0,3}(?:[*+-]|\d+[.)]) ", line):
                in_list = True
            elif line.strip() and not line.startswith(" "):
                in_list = False
            self._prose[index] = line
            index += 1

    def _fenced(self, index: int, fence) -> int:
        end = index + 1
        while end < len(self.lines) and not re.match(rf"^ *{fence[2][0]}{{{len(fence[2])},}}\s*$", self.lines[end]):
            end += 1
        if end == len(self.lines):
            raise ValueError(f"{self.name}:{index + 1}: the code block has no end")
        indent = len(fence[1])
        code = "\n".join(line[indent:] if not line[:indent].strip() else line for line in self.lines[index + 1:end])
        self.blocks.append(Block(self.name, index + 2, fence[3].lower(), code + "\n", self._marker(index)))
        return end + 1

    def _indented(self, index: int) -> int:
        end = index
        while end < len(self.lines) and (self.lines[end].startswith("    ") or not self.lines[end].strip()):
            end += 1
        code = "\n".join(line[4:] for line in self.lines[index:end]).rstrip("\n")
        self.blocks.append(Block(self.name, index + 1, None, code + "\n", self._marker(index)))
        return end

    def _marker(self, index: int) -> str:
        above = index - 1
        while above >= 0 and not self.lines[above].strip():
            above -= 1
        comment = COMMENT.match(self.lines[above]) if above >= 0 else None
        return comment[1] if comment else ""

    @property
    def anchors(self) -> set:
        found = set()
        for line in self._prose:
            heading = re.match(r"^#{1,6} +(.*?)(?: +#+)?\s*$", line)
            if heading:
                found.add(slug(heading[1]))
            found.update(HTML_ANCHOR.findall(line))
        return found

    @property
    def repeated_headings(self) -> list:
        """(line, anchor) of headings with the anchor of an earlier one: tools number them differently."""
        seen, repeated = set(), []
        for number, line in enumerate(self._prose, 1):
            heading = re.match(r"^#{1,6} +(.*?)(?: +#+)?\s*$", line)
            if heading and slug(heading[1]) in seen:
                repeated.append((number, slug(heading[1])))
            elif heading:
                seen.add(slug(heading[1]))
        return repeated

    @property
    def links(self) -> list:
        """(line, target), code spans left out."""
        prose = re.sub(r"(`+)(?!`)[^`]*(?<!`)\1(?!`)", lambda span: re.sub(r"[^\n]", "x", span[0]), "\n".join(self._prose))
        return sorted((prose.count("\n", 0, match.start(1)) + 1, match[1])
                      for pattern in (LINK, HTML_LINK) for match in pattern.finditer(prose))


def pages(root: Path) -> list:
    """README.md, CONTRIBUTING.md and all pages of docs."""
    paths = [path for path in (root / "README.md", root / "CONTRIBUTING.md") if path.exists()]
    return [Page.read(root, path) for path in paths + sorted((root / "docs").rglob("*.md"))]
