"""A C++ or CUDA file as tokens, its includes, and its namespaces. No preprocessor: both branches of an #if are read."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
    |(?P<raw>(?:u8|[uUL])?R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)")
    |(?P<string>(?:u8|[uUL])?"(?:\\.|[^"\\\n])*")
    |(?P<number>\.?\d(?:'?[\w.]|(?<=[eEpP])[+-])*)
    |(?P<char>(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')
    |(?P<name>[A-Za-z_]\w*)
    |(?P<symbol>::|->|<<<|\S)""",
    re.VERBOSE | re.DOTALL | re.MULTILINE,
)
INCLUDE = re.compile(r'\s*#\s*include\s*["<]([^">]+)[">]')
PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Block:
    """What `namespace name { ... }` encloses: the tokens first .. last - 1."""

    name: str  # in full; an anonymous namespace has its parent's
    first: int
    last: int
    children: list = field(default_factory=list)

    def all(self):
        """This block and those inside it."""
        yield self
        for child in self.children:
            yield from child.all()

    def own(self):
        """Indices of its tokens that no inner namespace holds."""
        at = self.first
        for child in self.children:
            yield from range(at, child.first)
            at = child.last
        yield from range(at, self.last)


class Source:
    """One file. `path` is what messages name."""

    def __init__(self, path: str, text: str):
        self.path = path
        self.includes = []  # (line, path as written)
        self.tokens = []
        line, at = 1, 0
        for match in TOKEN.finditer(text):
            line += text.count("\n", at, match.start())
            at = match.start()
            kind = "string" if match.lastgroup == "mark" or match["raw"] else match.lastgroup
            if kind == "directive":
                if include := INCLUDE.match(match[0]):
                    self.includes.append((line, include[1]))
            elif kind != "comment":
                self.tokens.append(Token(kind, match[0], line))

    @staticmethod
    def read(root: Path, path: Path) -> "Source":
        return Source(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8"))

    @cached_property
    def closing(self) -> dict:
        """Index of the bracket that closes the one at an index; an unclosed one has the end of the file."""
        found, open_ = {}, []
        for i, token in enumerate(self.tokens):
            if token.kind != "symbol":
                continue
            if token.text in PAIRS:
                open_.append(i)
            elif token.text in PAIRS.values():
                while open_:
                    at = open_.pop()
                    found[at] = i
                    if PAIRS[self.tokens[at].text] == token.text:
                        break
        for at in open_:
            found[at] = len(self.tokens)
        return found

    @cached_property
    def namespaces(self) -> Block:
        """The global namespace, with all others inside it."""
        everything = Block("", 0, len(self.tokens))
        self._find(everything)
        return everything

    def _find(self, parent: Block):
        i = parent.first
        while i < parent.last:
            text = self.tokens[i].text
            if text == "namespace" and (found := self._opened(i)):
                name, brace = found
                full = "::".join(part for part in (parent.name, name) if part)
                child = Block(full, brace + 1, self.closing[brace])
                parent.children.append(child)
                self._find(child)
                i = child.last
            elif text == "{":
                i = self.closing[i]
            i += 1

    def _opened(self, i: int):
        """Name and brace of the namespace whose keyword is at i; None for an alias or a using directive."""
        name, i = "", i + 1
        while i < len(self.tokens) and (self.tokens[i].kind == "name" or self.tokens[i].text == "::"):
            name += "" if self.tokens[i].text == "inline" else self.tokens[i].text
            i += 1
        return (name, i) if i < len(self.tokens) and self.tokens[i].text == "{" else None

    def after_angle(self, i: int):
        """The index behind the template arguments that '<' at i opens, or None where it is a comparison."""
        depth = 0
        while i < len(self.tokens):
            text = self.tokens[i].text
            if text in PAIRS:
                i = self.closing[i]
            elif text == "<":
                depth += 1
            elif text == ">":
                depth -= 1
                if depth == 0:
                    return i + 1
            elif text in (";", ")", "]", "}", "<<<"):
                return None
            i += 1
        return None

    def arguments(self, i: int) -> list:
        """The arguments inside the bracket at i, as ranges of indices; none for ()."""
        parts, first, end = [], i + 1, self.closing[i]
        at = first
        while at < end:
            text = self.tokens[at].text
            if text in PAIRS:
                at = self.closing[at]
            elif text == "<" and self.tokens[at - 1].kind == "name" and (behind := self.after_angle(at)):
                at = behind - 1
            elif text == ",":
                parts.append(range(first, at))
                first = at + 1
            at += 1
        return [*parts, range(first, end)] if end > i + 1 else []
