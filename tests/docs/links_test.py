"""The checks of links and citations find what is wrong in small trees."""

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from docs_check import check_citations, check_links  # noqa: E402
from docs_markdown import slug  # noqa: E402


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = Path(tempfile.mkdtemp(prefix="zofo-docs-")).resolve()
        self.addCleanup(shutil.rmtree, self.root)
        self.write("docs/results/theory/README.md", "# Theory\n\n### E1\n\n### C2\n")
        self.write("docs/index.md", "# Start\n\n[theory](results/theory/README.md#e1)\n")
        self.write("README.md", "# zofo\n\n[start](docs/index.md)\n")

    def write(self, name: str, text: str):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def test_a_correct_tree(self):
        self.write("include/zofo/a.hpp", "/// Unbiased (docs/results/theory, E1).\nint I32 = 0;\n")
        self.assertEqual(check_links(self.root) + check_citations(self.root), [])

    def test_links(self):
        for link, problem in (("a.md", "docs/a.md does not exist"), ("#b", "docs/index.md has no anchor #b"),
                              ("results/theory/README.md#e2", "docs/results/theory/README.md has no anchor #e2"),
                              ("/docs/index.md", "must be relative"), ("../../x", "leaves the repository"),
                              ("results", "is a folder: link to a page"), ("file:///x", "unknown scheme"),
                              ("#twice", "docs/index.md has more than one heading with the anchor #twice")):
            self.write("docs/index.md", f"# Start\n\n[t](results/theory/README.md)\n[x]({link})\n\n## Twice\n\n## Twice\n")
            self.assertEqual(check_links(self.root), [f"docs/index.md:4: {link}: {problem}"])

    def test_a_link_over_two_lines(self):
        self.write("docs/index.md", "# S\n\n[the\ntheory](results/theory/README.md), [the\nother](a.md)\n")
        self.assertEqual(check_links(self.root), ["docs/index.md:5: a.md: docs/a.md does not exist"])

    def test_images_and_html(self):
        self.write("docs/index.md", '# S\n\n[t](results/theory/README.md) ![i](a.svg) <img src="b.svg">\n')
        self.assertEqual(len(check_links(self.root)), 2)

    def test_code_has_no_links(self):
        self.write("docs/index.md", "# S\n\n[t](results/theory/README.md) `[a](b)`\n\n```cpp\n[](int x) {}[a](b)\n```\n\n    [a](b)\n")
        self.assertEqual(check_links(self.root), [])

    def test_page_without_a_link_to_it(self):
        self.write("docs/guide/a.md", "# A\n")
        self.assertEqual(check_links(self.root), ["docs/guide/a.md:1: no page links to this one"])

    def test_citations(self):
        for text, problem in (("/// See docs/a.md.", "cites docs/a.md, which does not exist"),
                              ("/// See DESIGN.md.", "cites DESIGN.md, which does not exist"),
                              ("/// By scripts/a.py.", "cites scripts/a.py, which does not exist"),
                              ("/// (docs/results/theory, E7)",
                               "cites statement E7, which docs/results/theory does not have"),
                              ("/// (E1)", "cites statement E1 without its place: write (docs/results/theory, E1)")):
            self.write("include/zofo/a.hpp", f"// First line.\n{text}\n")
            self.assertEqual(check_citations(self.root), [f"include/zofo/a.hpp:2: {problem}"])

    def test_tests_may_name_a_statement_only(self):
        self.write("tests/a_test.cpp", 'TEST_CASE("E1: unbiased") {}\nTEST_CASE("C9: converges") {}\n')
        self.assertEqual(check_citations(self.root),
                         ["tests/a_test.cpp:2: cites statement C9, which docs/results/theory does not have"])

    def test_anchors_are_those_of_github(self):
        self.assertEqual(slug("A *bold* `code_x`, λ & [link](x.md)"), "a-bold-code_x-λ--link")


if __name__ == "__main__":
    unittest.main()
