"""The check of the reference finds every kind of name without a comment, and loses no part of a header.

Skipped (exit code 77) where doxygen is not installed; ./run docs installs it.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import docs_filter  # noqa: E402
import docs_reference  # noqa: E402

HEADER = """/// @file A sample.
#pragma once
/// The library.
namespace zofo {

struct bare_struct { int bare_member; };
class bare_empty_class {};
/// Documented.
struct Good {
  using Theta = int;  // the filter has its comment
  Good() = default;
  Good(const Good&) = delete;
  ~Good();
  friend bool operator==(const Good&, const Good&) = default;
  ///@{
  /// Rows and columns.
  int rows;
  int columns;
  ///@}
  template <class T> requires(sizeof(T) > 1) void bare_method(T x) const;
  using bare_alias = int;
  struct bare_nested {};
 private:
  struct Hidden { int hidden; };
  int hidden_;
};
Good(int) -> Good;

template <class T>
concept bare_concept = requires(T t) {
  { t.x } -> GoodConcept;
}
&&sizeof(T) > 1;

enum class bare_enum { a, b };
template <class T> inline constexpr int bare_variable = 1;
/// One overload.
void overload(int);
void overload(double bare_overload);
namespace detail { struct Private { int x; }; }
template <class T> requires requires(T t) { t.x; } && bare_concept<T>
T bare_function(T t);

/// Broken: @nonsense.
void broken();

}  // namespace zofo
"""


class Reference(unittest.TestCase):
    def check(self, root: Path) -> list:
        out = Path(tempfile.mkdtemp(prefix="zofo-reference-"))
        self.addCleanup(shutil.rmtree, out)
        return docs_reference.check(root, out, [], False)

    def tree(self, header: str) -> Path:
        root = Path(tempfile.mkdtemp(prefix="zofo-docs-")).resolve()
        self.addCleanup(shutil.rmtree, root)
        (root / "include/zofo").mkdir(parents=True)
        (root / "include/zofo/a.hpp").write_text(header)
        return root

    def test_every_kind_of_name(self):
        found = self.check(self.tree(HEADER))
        messages = "\n".join(message for _, _, message in found)
        expected = set(re.findall(r"\bbare_\w+", HEADER))
        self.assertEqual(set(re.findall(r"\bbare_\w+", messages)), expected)
        self.assertIn("nonsense", messages)
        lines = HEADER.splitlines()
        places = {number for file, number, _ in found if file == "include/zofo/a.hpp"}
        allowed = {number for number, line in enumerate(lines, 1) if re.search("bare_|nonsense", line)}
        self.assertLessEqual(places, allowed)

    def test_a_documented_header(self):
        header = "/// @file A sample.\n#pragma once\n/// The library.\nnamespace zofo {\n\n/// One.\nint one();\n\n}  // namespace zofo\n"
        self.assertEqual(self.check(self.tree(header)), [])

    def test_no_part_of_a_header_is_lost(self):
        with mock.patch.dict(os.environ, DOCS_CANARY="1"):
            planted = set()
            for path in sorted((ROOT / "include").rglob("*.hpp")):
                planted |= set(re.findall(r"docs_canary_\w+", docs_filter.filtered(path, path.read_text(encoding="utf-8"))))
            found = self.check(ROOT)
        reported = set(re.findall(r"docs_canary_\w+", "\n".join(message for _, _, message in found)))
        self.assertGreater(len(planted), 500)
        self.assertEqual(planted - reported, set())

    def test_the_filter_keeps_the_lines(self):
        for path in (ROOT / "include").rglob("*.hpp"):
            text = path.read_text(encoding="utf-8")
            self.assertEqual(docs_filter.filtered(path, text).count("\n"), text.count("\n"), path)


if __name__ == "__main__":
    if shutil.which("doxygen") is None:
        print("doxygen is not installed")
        sys.exit(77)
    unittest.main()
