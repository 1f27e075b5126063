"""The checks of the structure. Each takes the root of a source tree and returns what is wrong, one line each."""

import os.path
import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from cpp_source import Source
from modules_page import PAGE, Modules

CPP = {".hpp", ".cpp", ".cu", ".cuh", ".h"}
OTHER = {".py", ".sh", ".cmake"}
SKIPPED_FOLDERS = {".git", "build", "runs", "shared", ".cache", "__pycache__"}
MOST_LINES = 350
MOST_ARGUMENTS = 8
# Headers that only include others.
UMBRELLAS = {f"include/zofo/{name}.hpp" for name in ("zofo", "hypergradient", "problems")}

# The namespace rule (docs/development/modules.md): a module's folder is its namespace, but for these.
SHARED_NAMESPACES = {
    **dict.fromkeys(("core", "perturb", "estimate", "bilevel", "hypergradient"), "zofo"),
    **dict.fromkeys(("lm", "config", "runtime", "model_io", "run", "train", "train/cuda"), "zofo::llm"),
    "model/cuda": "zofo::model",
}


def namespace_of(module: str) -> str:
    return SHARED_NAMESPACES.get(module, "zofo::" + module.replace("/", "::"))


class Tree:
    """A source tree whose files are read once."""

    def __init__(self, root: Path):
        self.root = Path(root)
        self.modules = Modules(self.root)

    def files(self, *folders: str) -> list:
        return sorted(path for folder in folders for path in self._walk(self.root / folder))

    def _walk(self, folder: Path):
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.is_dir() and not path.is_symlink() and path.name not in SKIPPED_FOLDERS:
                yield from self._walk(path)
            elif path.is_file():
                yield path

    @cached_property
    def sources(self) -> list:
        """The C++ and CUDA files of the library and the program."""
        paths = self.files("include", "src", "tools")
        return [Source.read(self.root, path) for path in paths if path.suffix in CPP]

    @cached_property
    def library(self) -> list:
        """(module, source) of the files in modules."""
        pairs = [(self.modules.of(source.path), source) for source in self.sources]
        return [(module, source) for module, source in pairs if module is not None]


def check_modules(tree: Tree) -> list:
    """Every file is in a module, and the arrows between modules are those of the page, without a cycle."""
    wrong = list(tree.modules.problems)
    found = defaultdict(list)  # (from, to) -> places
    for source in tree.sources:
        if source.path in UMBRELLAS or source.path.startswith("tools/"):
            continue
        module = tree.modules.of(source.path)
        if module is None:
            wrong.append(f"{source.path}: is in no module of {PAGE}")
            continue
        for line, written in source.includes:
            target = _included(tree.root, source.path, written)
            if target is None:
                if written.startswith("zofo/"):
                    wrong.append(f"{source.path}:{line}: {written} is not there")
                continue
            if target in UMBRELLAS:
                wrong.append(f"{source.path}:{line}: includes {written}, which is for users")
                continue
            other = tree.modules.of(target)
            if other not in (None, module):
                found[module, other].append(f"{source.path}:{line}")
    for (module, other), places in sorted(found.items()):
        if other not in tree.modules.arrows[module]:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            wrong.append(f"{places[0]}{more}: {module} -> {other}: {PAGE} has no such arrow")
    for module, others in tree.modules.arrows.items():
        for other in others:
            if (module, other) not in found:
                wrong.append(f"{PAGE}: {module} -> {other}: no include makes this arrow")
    wrong += [f"cycle of modules: {' -> '.join(cycle)}" for cycle in _cycles(found)]
    return wrong


def _included(root: Path, by: str, written: str):
    """Path from the root of an included file of this tree, None for others."""
    for base in ("include", "src", str(Path(by).parent)):
        path = os.path.normpath(Path(base, written))
        if (root / path).is_file():
            return path
    return None


def _cycles(arrows) -> list:
    """One cycle for each set of modules that reach each other."""
    to = defaultdict(set)
    for module, other in arrows:
        to[module].add(other)
    cycles, done = [], set()
    for start in sorted(to):
        before, waiting = {start: None}, [start]
        while waiting and start not in done:  # breadth first, so the cycle shown is a shortest one
            module = waiting.pop(0)
            if start in to[module]:
                cycle = [start]
                while module is not None:
                    cycle.insert(0, module)
                    module = before[module]
                cycles.append(cycle)
                done.update(cycle)
                break
            for other in sorted(to[module] - before.keys()):
                before[other] = module
                waiting.append(other)
    return cycles


def check_page(tree: Tree) -> list:
    """The page's table has a row for each module, whose headers exist. A page without a table is not asked."""
    rows = dict(re.findall(r"^\| `([\w/]+)` \|[^|\n]*\|([^|\n]*)\|$", tree.modules.text, re.MULTILINE))
    wrong = [f"{PAGE}: {module}: has no row" for module in tree.modules.arrows if rows and module not in rows]
    for module, headers in rows.items():
        if module not in tree.modules.arrows:
            wrong.append(f"{PAGE}: {module}: no module")
            continue
        for header in re.findall(r"`([^`]*)`", headers):
            if not (tree.root / "include/zofo" / module / f"{header}.hpp").is_file():
                wrong.append(f"{PAGE}: {module}: {header}.hpp is not there")
    return wrong


def check_lengths(tree: Tree) -> list:
    """No source file is longer than MOST_LINES lines."""
    wrong = []
    for path in tree.files("."):
        if path.suffix not in CPP | OTHER and path.name != "CMakeLists.txt" and not _is_script(path):
            continue
        lines = path.read_bytes().count(b"\n")
        if lines > MOST_LINES:
            wrong.append(f"{path.relative_to(tree.root)}: {lines} lines: at most {MOST_LINES}")
    return wrong


def _is_script(path: Path) -> bool:
    if path.suffix:
        return False
    with path.open("rb") as file:
        return re.match(rb"#!.*\b(sh|bash|python3?)\b", file.readline(200)) is not None


def check_namespaces(tree: Tree) -> list:
    """All declarations of a module or of the program are in its namespace, except forward declarations of other classes."""
    wrong = []
    for source in tree.sources:
        module = tree.modules.of(source.path)
        if module is None and not source.path.startswith("tools/"):
            continue
        expected = namespace_of(module) if module else "zofo::cli"
        for block in source.namespaces.all():
            if not block.name or block.name == expected or block.name.startswith(expected + "::"):
                continue
            if (first := next(block.own(), None)) is not None and _declares(source, block):
                line = source.tokens[first].line
                wrong.append(f"{source.path}:{line}: namespace {block.name}: must be {expected}")
    return wrong


def _declares(source: Source, block) -> bool:
    """True if a namespace contains more than other namespaces and forward declarations of classes."""
    text = " ".join(source.tokens[i].text for i in block.own())
    text = re.sub(r"namespace( (\w+|::))* \{( \})?", "", text)
    return re.search(r"[;{]", re.sub(r"\b(class|struct) \w+ ;", "", text)) is not None


NOT_CALLED = set("if for while switch catch sizeof alignof alignas decltype noexcept requires static_assert return "
                 "explicit operator and or not co_return throw asm defined".split())


FREE_OF_LIMIT = re.compile(r"format|format_to|print|write_out|require|fail|(cblas_|cublas|cuda)\w+")


def check_arguments(tree: Tree) -> list:
    """No function has or is given more than MOST_ARGUMENTS positional arguments.

    Functions that format a text are free of the limit, and so are those of libraries. What braces hold does not count.
    """
    wrong = []
    for source in tree.sources:
        tokens = source.tokens
        for i, token in enumerate(tokens):
            before = tokens[i - 1] if i > 0 else None
            if token.text != "(" or before is None or before.text in NOT_CALLED:
                continue
            if before.kind != "name" and before.text not in (">", "]"):
                continue
            arguments = source.arguments(i)
            name = before.text if before.kind == "name" else _name_before(source, i)
            if len(arguments) > MOST_ARGUMENTS and not FREE_OF_LIMIT.fullmatch(name):
                wrong.append(f"{source.path}:{token.line}: {name}: {len(arguments)} arguments: "
                             f"at most {MOST_ARGUMENTS}")
    return wrong


def _name_before(source: Source, i: int) -> str:
    """The name of the function whose arguments begin at i, behind its template arguments or launch bounds."""
    tokens = source.tokens
    while i > 1 and tokens[i - 1].text == ">":
        launch = [tokens[j].text for j in range(i - 3, i)] == [">"] * 3
        opener, depth = ("<<<", 1) if launch else ("<", 0)
        i -= 1
        while i > 0:
            depth += (tokens[i].text == ">") - (tokens[i].text == "<") if not launch else 0
            if tokens[i].text == opener and (launch or depth == 0):
                break
            i -= 1
    return tokens[i - 1].text if i > 0 and tokens[i - 1].kind == "name" else "a function"
