"""Hooks of MkDocs: pages link to files outside docs, and to the reference; both are put into the site.

MkDocs knows only files of docs_dir. These hooks add the files that pages link to, under their path in the repository, and the
reference that Doxygen has built in build/reference/reference, under reference/.
"""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from mkdocs.structure.files import File  # noqa: E402

from docs_markdown import Page, slug  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
REFERENCE = ROOT / "build/reference/reference"
NOT_IN_SITE = {"Doxyfile"}
PAGES_OUTSIDE = ("CONTRIBUTING.md", "CHANGELOG.md")


def slugify(text: str, separator: str) -> str:
    """Anchors as GitHub makes them, so that a link works in both places."""
    return slug(text)


def _outside(page: Path) -> dict:
    """target as written -> path in the repository, for links that leave docs"""
    found = {}
    for _, target in Page.read(ROOT, page).links:
        path = target.partition("#")[0]
        if path and not re.match(r"[a-z]+:", path):
            to = Path(os.path.normpath(page.parent / path))
            if to.is_relative_to(ROOT) and not to.is_relative_to(DOCS) and to.is_file():
                found[target] = to
    return found


def on_files(files, config):
    site, pages = config["site_dir"], [DOCS / file.src_path for file in files.documentation_pages()]
    for name in NOT_IN_SITE:
        file = files.get_file_from_path(name)
        if file is not None:
            files.remove(file)
    pages += [ROOT / name for name in PAGES_OUTSIDE]
    outside = {to for page in pages for to in _outside(page).values()} | set(pages[-len(PAGES_OUTSIDE):])
    for to in sorted(outside):
        files.append(File(to.relative_to(ROOT).as_posix(), str(ROOT), site, config["use_directory_urls"]))
    if not (REFERENCE / "index.html").is_file():
        raise SystemExit(f"docs_hooks: {REFERENCE}/index.html does not exist: ./run docs builds it first")
    for path in sorted(REFERENCE.rglob("*")):
        if path.is_file():
            files.append(File(path.relative_to(REFERENCE.parent).as_posix(), str(REFERENCE.parent), site,
                              config["use_directory_urls"]))
    return files


def on_nav(nav, config, files):
    missing = sorted(file.src_path for file in files.documentation_pages()
                     if file.page not in nav.pages and Path(file.abs_src_path).is_relative_to(DOCS))
    if missing:
        raise SystemExit(f"docs_hooks: {', '.join(missing)}: not in nav of mkdocs.yml")
    return nav


def on_page_markdown(markdown, page, config, files):
    source = Path(page.file.abs_src_path)
    here = source.relative_to(DOCS if source.is_relative_to(DOCS) else ROOT).parent

    def relinked(match):
        target, mark, anchor = match[2].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        to = Path(os.path.normpath(source.parent / target))
        if to.is_relative_to(DOCS):
            to = to.relative_to(DOCS)
        elif to.is_relative_to(ROOT):
            to = to.relative_to(ROOT)
        return f"{match[1]}{os.path.relpath(to, here)}{mark}{anchor})"

    return re.sub(r"(\]\()([^()\s]+)\)", relinked, markdown)
