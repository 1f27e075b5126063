"""Code blocks of small pages: what compiles and runs passes, and the rest is reported with page and line.

usage: blocks_test.py COMPILER
"""

import shutil
import stat
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import docs_blocks  # noqa: E402
import docs_shell  # noqa: E402
from docs_markdown import Page  # noqa: E402

COMPILER = [sys.argv.pop(1), "-std=c++20", "-fsyntax-only", "-w"]
PROGRAM = "```cpp\n#include <vector>\nint main() { return std::vector<int>{}.size(); }\n```\n"


def page(text: str) -> list:
    return [Page("docs/a.md", text)]


class Cpp(unittest.TestCase):
    def check(self, text: str, cuda="") -> list:
        return docs_blocks.check_cpp(page(text), COMPILER, cuda, 1)

    def test_programs_bodies_and_declarations(self):
        self.assertEqual(self.check(f"# A\n\n{PROGRAM}\n{PROGRAM}" + """
<!-- compile: body of main, includes <string> "cstddef" -->
```cpp
std::string x;
```

Text between.

<!-- compile: continue -->
```cpp
x += "y";
```

<!-- compile: declarations -->
```cpp
#include <array>
struct A { std::array<int, 2> x; };
```

<!-- compile: continue with body of main -->
```cpp
A a{{1, 2}};
```

<!-- compile: own file -->
```cpp
#include <functional>
template <> struct std::hash<struct B> {};
```
"""), [])

    def test_an_error_names_page_and_line(self):
        found = self.check("# A\n\n<!-- compile: body of main -->\n```cpp\nint x = 1;\nint y = absent;\n```\n")
        self.assertEqual(len(found), 1)
        self.assertIn("docs/a.md:6:", found[0])
        self.assertIn("absent", found[0])

    def test_blocks_do_not_see_each_other(self):
        body = "<!-- compile: body of main -->\n```cpp\nint x = 1;\n```\n\n"
        self.assertEqual(self.check(body + body), [])
        self.assertEqual(len(self.check(body + "<!-- compile: body of main -->\n```cpp\n++x;\n```\n")), 1)

    def test_markers(self):
        for marker, problem in (("", "must be a complete program"), ("<!-- compile: all -->", "compile: all: must be one of"),
                                ("<!-- compile: continue -->", "no C++ block before"),
                                ("<!-- not compiled: -->", "needs a reason"),
                                ("<!-- compile: body of main, twice -->", "compile: twice: must be")):
            found = self.check(f"# A\n{marker}\n```cpp\nint x;\n```\n")
            self.assertEqual(len(found), 1)
            self.assertIn("docs/a.md:4: ", found[0])
            self.assertIn(problem, found[0])
        self.assertEqual(self.check("<!-- not compiled: pseudocode -->\n```cpp\nx <- y\n```\n"), [])

    def test_cuda(self):
        text = "<!-- compile: cuda -->\n```cpp\n#include <cuda_fake.h>\nint main() { return fake; }\n```\n"
        self.assertEqual(self.check(text), [])  # no CUDA headers: skipped, and reported as such
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(self.check(text, folder)), 1)
            (Path(folder) / "cuda_fake.h").write_text("inline int fake = 1;\n")
            self.assertEqual(self.check(text, folder), [])

    def test_commands_and_code_in_blocks_of_no_language(self):
        for text in ("    ./run demo\n", "```\nzofo evaluate --help\n```\n", "```text\nMODEL=x python3 a.py\n```\n",
                     "```\n#include <vector>\n```\n"):
            self.assertEqual(len(docs_blocks.check_languages(page("# A\n\n" + text))), 1, text)
        self.assertEqual(docs_blocks.check_languages(page("# A\n\n    x = y\n\n```\nzofoo 1\n```\n")), [])


class Shell(unittest.TestCase):
    def setUp(self):
        folder = Path(tempfile.mkdtemp(prefix="zofo-docs-"))
        self.addCleanup(shutil.rmtree, folder)
        self.program = folder / "zofo"  # stands in for the program: makes the files of the demo, prints its arguments
        self.program.write_text("""#!/bin/bash
if [[ $1 == demo ]]; then
  while (($#)); do [[ $1 == --out ]] && out=$2; shift; done
  [[ -n $out ]] && mkdir -p "$out/tiny_task" && echo model >"$out/tiny.gguf" &&
    for file in train validation; do echo '{"text": "a", "label": "0"}' >"$out/tiny_task/$file.jsonl"; done
fi
echo "$@"
""")
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def check(self, text: str) -> list:
        return docs_blocks.check_shell(page(text), str(self.program))

    def test_blocks_run_in_order_with_the_files(self):
        self.assertEqual(self.check("""# A

<!-- run -->
```sh
test "$(zofo a b)" = "a b"
build/release/bin/zofo x >made
grep -q sentence "$DATA/sst2/train.jsonl"
grep -q model "$MODEL" && test -f mytask/task.toml
```

<!-- run, with 150 -> 2; absent -> made -->
```bash
test 150 = 2
grep -q x absent
```

<!-- not run: needs a GPU -->
```sh
false
```
"""), [])

    def test_failures(self):
        found = self.check("# A\n\n<!-- run -->\n```sh\necho shown\nfalse\n```\n")
        self.assertEqual(len(found), 1)
        self.assertRegex(found[0], r"docs/a\.md:5: exit code 1\nshown")

    def test_a_pipe_and_an_unset_variable_fail(self):
        for line in ("false | cat", 'echo "$ABSENT"'):
            self.assertEqual(len(self.check(f"<!-- run -->\n```sh\n{line}\n```\n")), 1)

    def test_markers(self):
        for marker, problem in (("", "needs a marker"), ("<!-- not run -->", "needs a reason"), ("<!-- ran -->", "needs a marker")):
            found = self.check(f"# A\n{marker}\n```sh\ntrue\n```\n")
            self.assertEqual(len(found), 1)
            self.assertIn("docs/a.md:4: ", found[0])
            self.assertIn(problem, found[0])

    def test_a_replacement_that_does_not_occur(self):
        with self.assertRaisesRegex(SystemExit, 'docs/a.md:3: run, with x -> y: "x" is not in the block'):
            self.check("<!-- run, with x -> y -->\n```sh\ntrue\n```\n")

    def test_a_block_that_takes_too_long(self):
        with mock.patch.object(docs_shell, "BLOCK_SECONDS", 0.2):
            self.assertIn("took more than", self.check("<!-- run -->\n```sh\nsleep 5\n```\n")[0])


if __name__ == "__main__":
    unittest.main()
