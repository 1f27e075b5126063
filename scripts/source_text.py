"""The parts of a source file that people read: comments and string literals. All else is blanked, lines are kept."""

import io
import re
import tokenize
from pathlib import Path

CPP = re.compile(r"""
    (?P<line>//[^\n]*)
  | (?P<block>/\*.*?\*/)
  | (?P<raw>\b(?:u8|u|U|L)?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")
  | (?P<include>^\s*\#\s*include[^\n]*)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<character>(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+')
""", re.S | re.M | re.X)
HASH = re.compile(r"""(?P<line>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*")|(?P<single>'[^'\n]*')""", re.S)
CPP_SUFFIXES = {".hpp", ".cpp", ".cu", ".cuh", ".h"}


def blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def without_marks(comment: str) -> str:
    """A comment with its marks blanked, so that a sentence continues from line to line."""
    return re.sub(r"^\s*(?:///?<?|/\*+|\*+/?|#+!?)|\*/", lambda match: " " * len(match.group(0)), comment, flags=re.M)


def kept(text: str, spans: list) -> str:
    pieces, at = [], 0
    for begin, end, is_comment in sorted(spans):
        pieces += [blank(text[at:begin]), without_marks(text[begin:end]) if is_comment else text[begin:end]]
        at = end
    return "".join(pieces) + blank(text[at:])


def cpp_spans(text: str) -> list:
    return [(match.start(), match.end(), match.lastgroup in ("line", "block")) for match in CPP.finditer(text)
            if match.lastgroup not in ("include", "character")]


def hash_spans(text: str) -> list:
    return [(match.start(), match.end(), match.lastgroup == "line") for match in HASH.finditer(text)]


def python_spans(text: str) -> list:
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    spans = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", -1)):
            begin, end = (starts[row - 1] + column for row, column in (token.start, token.end))
            fields = re.finditer(r"\{[^{}]*\}", token.string) if re.match(r"[rR]?[fF]", token.string) else ()
            for field in fields:  # names of variables are no prose
                spans.append((begin, starts[token.start[0] - 1] + token.start[1] + field.start(), False))
                begin = starts[token.start[0] - 1] + token.start[1] + field.end()
            spans.append((begin, end, token.type == tokenize.COMMENT))
    return spans


def read_prose(path: Path, text: str) -> str:
    """`text`, the contents of `path`, with all but prose blanked. Markdown is prose as a whole."""
    if path.suffix in CPP_SUFFIXES:
        return kept(text, cpp_spans(text))
    if path.suffix == ".py":
        return kept(text, python_spans(text))
    if path.suffix in (".cmake", ".toml") or path.name in ("CMakeLists.txt", "run"):
        return kept(text, hash_spans(text))
    return text
