"""Namespaces called `detail` are private to their module."""

from collections import defaultdict

from checks import Tree, namespace_of
from cpp_source import PAIRS, Block, Source

TYPES = {"class", "struct", "union", "enum", "concept", "using", "namespace"}
NO_FUNCTIONS = {"requires", "decltype", "noexcept", "alignas", "static_assert", "sizeof", "explicit",
                "__launch_bounds__", "__attribute__", "operator"}


def check_detail(tree: Tree) -> list:
    """No module uses a name that another declares in a `detail` namespace."""
    owners = defaultdict(set)  # (namespace before ::detail, name) -> modules
    for module, source in tree.library:
        for block in source.namespaces.all():
            if _is_detail(block.name):
                for name in _declared(source, block):
                    owners[_parent(block.name), name].add(module)
    wrong = []
    for source in tree.sources:
        module = tree.modules.of(source.path)
        if module is not None or source.path.startswith("tools/"):
            wrong += _foreign(source, module or "tools", owners)
    return wrong


def _is_detail(name: str) -> bool:
    return "detail" in name.split("::")


def _parent(name: str) -> str:
    parts = name.split("::")
    return "::".join(parts[: parts.index("detail")])


def _declared(source: Source, block: Block):
    """The names that a namespace declares itself, by the first name of each declaration that looks like one."""
    statement = []
    own = iter(block.own())
    end = -1  # of a bracket that was passed over
    for i in own:
        if i < end:
            continue
        text = source.tokens[i].text
        if text == "template" and i + 1 < block.last and source.tokens[i + 1].text == "<":
            end = source.after_angle(i + 1) or i + 2
        elif text == "[" and i + 1 < block.last and source.tokens[i + 1].text == "[":  # an attribute
            end = source.closing[i] + 1
        elif text in (";", "{"):
            if name := _name_of(source, statement):
                yield name
            statement = []
            end = source.closing[i] + 1 if text == "{" else i + 1
        elif text in PAIRS:
            statement.append(i)
            end = source.closing[i] + 1
        else:
            statement.append(i)


def _name_of(source: Source, statement: list):
    """The name that a declaration introduces; `statement` holds its tokens without what brackets hold."""
    tokens = [source.tokens[i] for i in statement]
    for i, token in enumerate(tokens):
        if token.text in TYPES:
            names = [t.text for t in tokens[i + 1:] if t.kind == "name" and t.text not in TYPES]
            return names[0] if names and token.text not in ("namespace",) else None
        if token.text == "(" and i > 0 and tokens[i - 1].kind == "name" and tokens[i - 1].text not in NO_FUNCTIONS:
            return tokens[i - 1].text
        if token.text in ("=", "["):
            return tokens[i - 1].text if i > 0 and tokens[i - 1].kind == "name" else None
    return tokens[-1].text if len(tokens) > 1 and tokens[-1].kind == "name" else None


def _foreign(source: Source, module: str, owners) -> list:
    """Uses of names that other modules keep to themselves."""
    here = "zofo::cli" if module == "tools" else namespace_of(module)
    wrong = []
    tokens = source.tokens
    for i, token in enumerate(tokens):
        if token.text != "detail" or i + 2 >= len(tokens) or tokens[i + 1].text != "::":
            continue
        name = tokens[i + 2].text
        written = _qualifier(tokens, i)
        if written == "namespace":
            continue
        homes = [home for home, declared in owners if declared == name and _means(home, written, here)]
        modules = set().union(*(owners[home, name] for home in homes)) if homes else set()
        if modules and module not in modules:
            shown = "::".join(part for part in (written, "detail", name) if part)
            wrong.append(f"{source.path}:{token.line}: {shown}: is private to {', '.join(sorted(modules))}")
        elif not modules and written and not _means(here, written, here):
            wrong.append(f"{source.path}:{token.line}: {written}::detail::{name}: is not {here}'s")
    return wrong + _unqualified(source, module, owners)


def _qualifier(tokens: list, i: int) -> str:
    """What stands before `detail` at i: 'a::b', '' for nothing, 'namespace' where it is declared."""
    parts = []
    while i >= 2 and tokens[i - 1].text == "::" and tokens[i - 2].kind == "name":
        i -= 2
        parts.insert(0, tokens[i].text)
    return "namespace" if i > 0 and tokens[i - 1].text == "namespace" else "::".join(parts)


def _means(home: str, written: str, here: str) -> bool:
    """True if `written`::detail, used in namespace `here`, can be `home`::detail."""
    if not written:
        return home == here or here.startswith(home + "::")
    return home == written or home.endswith("::" + written)


def _unqualified(source: Source, module: str, owners) -> list:
    """Inside `detail`, calls of what another module declares in the same `detail`."""
    wrong = []
    tokens = source.tokens
    declared = {token.text for before, token in zip(tokens, tokens[1:])  # "TYPE NAME", a member or a local name too
                if before.kind == "name" and before.text not in ("return", "else", "case", "throw", "co_return")}
    for block in source.namespaces.all():
        if not _is_detail(block.name):
            continue
        home = _parent(block.name)
        for i in block.own():
            name = source.tokens[i].text
            modules = owners.get((home, name), ())
            called = i + 1 < block.last and source.tokens[i + 1].text in ("(", "<", "{")
            free = source.tokens[i - 1].text not in ("::", ".", "->")
            if modules and module not in modules and called and free and name not in declared:
                wrong.append(f"{source.path}:{source.tokens[i].line}: {name}: is in the detail namespace of "
                             f"{', '.join(sorted(modules))}")
    return wrong
