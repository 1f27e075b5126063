"""The modules and their arrows as docs/development/modules.md gives them.

One fenced block begins with ```modules. Each of its lines is

    MODULE [(FOLDER ...)] -> MODULE ...

A module's files are those of include/zofo/MODULE, src/llm/MODULE and the folders in brackets, down to the folders of other
modules.
"""

import re
from pathlib import Path

PAGE = "docs/development/modules.md"
LINE = re.compile(r"(?P<name>[\w/]+)(?: +\((?P<folders>[^)]*)\))? +->(?P<to>(?: +[\w/]+)*)")


class Modules:
    def __init__(self, root: Path):
        self.arrows = {}  # module -> those that it may include
        self.folders = {}  # folder -> module
        self.problems = []
        self.text = (root / PAGE).read_text(encoding="utf-8")
        blocks = re.findall(r"^```modules\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)
        if len(blocks) != 1:
            self.problems.append(f"{PAGE}: has {len(blocks)} blocks ```modules: must have one")
        for line in "".join(blocks).splitlines():
            self._read(line.strip())
        for name, others in self.arrows.items():
            for other in others:
                if other not in self.arrows:
                    self.problems.append(f"{PAGE}: {name} -> {other}: no line for module {other}")

    def _read(self, line: str):
        match = LINE.fullmatch(line)
        if not match:
            self.problems.append(f"{PAGE}: '{line}': must be MODULE [(FOLDER ...)] -> MODULE ...")
            return
        name = match["name"]
        if name in self.arrows:
            self.problems.append(f"{PAGE}: module {name} has two lines")
        self.arrows[name] = match["to"].split()
        for folder in (f"include/zofo/{name}", f"src/llm/{name}", *(match["folders"] or "").split()):
            self.folders[folder] = name

    def of(self, path: str):
        """The module of a file by its path from the root, None if it has none."""
        folder = path
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in self.folders:
                return self.folders[folder]
        return None
