"""The source tree keeps to its structure (docs/development/modules.md), and these checks find what does not.

    python3 structure_test.py SOURCE_DIR [unittest's arguments]
"""

import sys
import tempfile
import unittest
from pathlib import Path

from checks import (MOST_LINES, Tree, check_arguments, check_lengths, check_modules, check_namespaces, check_page)
from detail_names import check_detail

ROOT = Path(__file__).parents[2]  # main() sets it
HEADER = "#pragma once\n"
PAGE = "# Modules\n\n```modules\ncore ->\nlm -> core\nrun -> core lm\nmodel (src/kernels) -> core\n```\n"


class SourceTree(unittest.TestCase):
    """The checks on this source tree."""

    @classmethod
    def setUpClass(cls):
        cls.tree = Tree(ROOT)

    def check(self, check):
        if wrong := check(self.tree):
            self.fail(f"{len(wrong)} faults:\n" + "\n".join(wrong))

    def test_modules(self):
        self.check(check_modules)

    def test_page(self):
        self.check(check_page)

    def test_lengths(self):
        self.check(check_lengths)

    def test_detail(self):
        self.check(check_detail)

    def test_arguments(self):
        self.check(check_arguments)

    def test_namespaces(self):
        self.check(check_namespaces)


class WrongTrees(unittest.TestCase):
    """Each check on a small tree that is right, then with one fault."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        self.write("docs/development/modules.md", PAGE)
        self.header("core/a.hpp", "zofo", "struct A {};")
        self.header("lm/b.hpp", "zofo::llm", "namespace detail { inline int secret() { return 1; } struct Own; }",
                    "core/a.hpp")
        self.header("run/c.hpp", "zofo::llm", "inline int f() { return 1; }", "core/a.hpp", "lm/b.hpp")
        self.header("model/d.hpp", "zofo::model", "struct D {};", "core/a.hpp")
        self.write("src/kernels/d.cu", '#include "zofo/model/d.hpp"\nnamespace zofo::model { void g() {} }\n')
        self.write("include/zofo/zofo.hpp", '#include "zofo/run/c.hpp"\n')

    def write(self, path: str, text: str):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def header(self, path: str, namespace: str, text: str, *includes: str):
        lines = "".join(f'#include "zofo/{each}"\n' for each in includes)
        self.write("include/zofo/" + path, f"{HEADER}{lines}namespace {namespace} {{\n{text}\n}}\n")

    def finds(self, check, *parts: str):
        wrong = check(Tree(self.root))
        for part in parts:
            self.assertTrue(any(part in line for line in wrong), f"'{part}' is not in {wrong}")
        self.assertTrue(parts or not wrong, wrong)
        return wrong

    def test_a_right_tree_has_no_faults(self):
        for check in (check_modules, check_page, check_lengths, check_detail, check_arguments, check_namespaces):
            self.finds(check)

    def test_cycle(self):
        self.write("docs/development/modules.md", PAGE.replace("core ->", "core -> run"))
        self.header("core/e.hpp", "zofo", "", "run/c.hpp")
        self.finds(check_modules, "cycle of modules: core -> run -> core")

    def test_arrow_that_the_page_lacks(self):
        self.header("lm/e.hpp", "zofo::llm", "", "model/d.hpp")
        self.assertEqual(len(self.finds(check_modules, "lm/e.hpp:2: lm -> model: docs/development/modules.md has no such")), 1)

    def test_include_that_is_relative(self):
        self.write("include/zofo/lm/e.hpp", '#pragma once\n#include "../model/d.hpp"\n')
        self.finds(check_modules, "lm -> model")

    def test_include_of_nothing(self):
        self.write("include/zofo/lm/e.hpp", '#include <vector>\n#include "zofo/core/gone.hpp"\n')
        self.finds(check_modules, "lm/e.hpp:2: zofo/core/gone.hpp is not there")

    def test_arrow_that_no_include_makes(self):
        self.write("docs/development/modules.md", PAGE.replace("lm -> core", "lm -> core\ndata -> core"))
        self.finds(check_modules, "data -> core: no include makes this arrow")

    def test_file_in_no_module(self):
        self.header("other/e.hpp", "zofo::other", "")
        self.write("include/zofo/top.hpp", HEADER)
        self.write("src/other/e.cpp", "")
        self.finds(check_modules, "zofo/other/e.hpp: is in no module", "zofo/top.hpp: is in no", "src/other/e.cpp: is in")

    def test_include_of_an_umbrella(self):
        self.write("include/zofo/lm/e.hpp", '#include "zofo/zofo.hpp"\n')
        self.finds(check_modules, "which is for users")

    def test_page(self):
        table = "| `lm` | Losses. | `b`, `gone` |\n| `run` | Runs. | `c` |\n| `nothing` | | |\n"
        self.write("docs/development/modules.md", PAGE + table)
        self.finds(check_page, "lm: gone.hpp", "nothing: no module", "core: has no row", "model: has no row")

    def test_page_with_a_line_that_means_nothing(self):
        self.write("docs/development/modules.md", PAGE.replace("lm -> core", "lm => core"))
        self.finds(check_modules, "'lm => core': must be")

    def test_lengths(self):
        for path in ("src/kernels/e.cu", "tests/e_test.cpp", "scripts/e.py", "cmake/e.cmake", "CMakeLists.txt"):
            self.write(path, "\n" * MOST_LINES)
        self.finds(check_lengths)
        self.write("run", "#!/usr/bin/env bash\n" + "\n" * MOST_LINES)
        self.write("src/kernels/e.cu", "\n" * (MOST_LINES + 1))
        self.assertEqual(len(self.finds(check_lengths, "src/kernels/e.cu: 351 lines", "run: 351 lines")), 2)

    def test_detail_of_another_module(self):
        for use in ("zofo::llm::detail::secret()", "llm::detail::secret()"):
            self.header("model/e.hpp", "zofo::model", f"inline int h() {{ return {use}; }}")
            self.assertEqual(len(self.finds(check_detail, "model/e.hpp:3: ")), 1)

    def test_detail_of_another_module_in_the_same_namespace(self):
        self.header("run/e.hpp", "zofo::llm", "inline int h() { return detail::secret(); }")
        self.finds(check_detail, "detail::secret: is private to lm")
        self.header("run/e.hpp", "zofo::llm", "namespace detail { inline int h() { return secret(); } }")
        self.finds(check_detail, "secret: is in the detail namespace of lm")
        self.header("run/e.hpp", "zofo::llm", "using X = detail::Own*;")
        self.finds(check_detail, "detail::Own: is private to lm")

    def test_what_counts_as_declared_in_detail(self):
        self.header("lm/b.hpp", "zofo::llm", "namespace detail { template <class T> [[nodiscard]] T a(T x) { return x; } "
                    "inline constexpr int b = 1; enum class C { x }; template <class T> concept D = true; "
                    "using E = int; [[nodiscard]] inline std::vector<int> f() { return {}; } int g{2}; }", "core/a.hpp")
        for name in "abCDEfg":
            self.header("run/e.hpp", "zofo::llm", f"inline auto h() {{ return detail::{name}; }}")
            self.finds(check_detail, f"detail::{name}: is private to lm")

    def test_detail_of_another_module_in_the_program(self):
        self.write("tools/zofo/e.cpp", "namespace zofo::cli { int h() { return llm::detail::secret(); } }\n")
        self.finds(check_detail, "tools/zofo/e.cpp:1: llm::detail::secret")

    def test_detail_of_its_own_module(self):
        self.header("lm/e.hpp", "zofo::llm", "inline int h() { return detail::secret() + llm::detail::secret(); }")
        self.finds(check_detail)
        self.header("run/e.hpp", "zofo::llm", "namespace detail { struct S { void secret(); void h() { secret(); } }; }")
        self.finds(check_detail)

    def test_arguments(self):
        eight, nine = ", ".join("int a" + str(i) for i in range(8)), ", ".join("int a" + str(i) for i in range(9))
        self.header("lm/e.hpp", "zofo::llm", f"void f({eight});\nvoid g(std::map<int, int> m, std::pair<int, int> p, "
                    'int, int, int, int, int, B{1, 2, 3});\ninline A a{1, 2, 3, 4, 5, 6, 7, 8, 9};\n'
                    'inline void i() { cblas_sgemm(1, 2, 3, 4, 5, 6, 7, 8, 9); }\n'
                    'inline void h() { fail("{} {}", 1, 2, 3, 4, 5, 6, 7, 8, 9); }')
        self.finds(check_arguments)
        self.header("lm/e.hpp", "zofo::llm", f"void f({nine});")
        self.finds(check_arguments, "lm/e.hpp:3: f: 9 arguments")
        self.header("lm/e.hpp", "zofo::llm", "inline void f() { g<int>(1, 2, 3, 4, 5, 6, 7, h(8, 9), {10, 11}, 12); }")
        self.finds(check_arguments, "g: 10 arguments")
        self.header("lm/e.hpp", "zofo::llm", "inline void f() { k<int><<<g(1), 2>>>(1, 2, 3, 4, 5, 6, 7, 8, 9); }")
        self.finds(check_arguments, "k: 9 arguments")

    def test_namespaces(self):
        self.header("lm/e.hpp", "zofo::llm", "namespace keys { struct K; }")
        self.write("tools/zofo/e.cpp",
                   "namespace CLI { class App; }\nnamespace zofo::cli { namespace { int h() { return 1; } } }\n")
        self.finds(check_namespaces)
        self.header("lm/e.hpp", "zofo", "struct E {};")
        self.header("core/e.hpp", "zofo::core", "struct E {};")
        self.header("model/e.hpp", "zofo", "namespace model { struct E {}; }\nstruct F {};")
        self.write("src/kernels/e.cu", "namespace zofo::kernels { void g() {} }\n")
        self.write("tools/zofo/e.cpp", "namespace zofo { int h() { return 1; } }\n")
        wrong = self.finds(check_namespaces, "lm/e.hpp:3: namespace zofo: must be zofo::llm", "must be zofo::cli",
                           "namespace zofo::kernels: must be zofo::model", "namespace zofo: must be zofo::model")
        self.assertEqual(len(wrong), 4)  # zofo::core is inside zofo


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        ROOT = Path(sys.argv.pop(1)).resolve()
    unittest.main()
