"""The framework in one header: examples/quadratic compiles with it and nothing else of zofo, and prints the same.

    single_header_test.py --source DIR --compiler CXX --includes DIR[;DIR...] --libraries FILE[;FILE...] [--program QUADRATIC]

The includes and libraries are those of Eigen and fmt; QUADRATIC is the example as the build made it.
"""

import argparse
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

arguments = None


def join(*words) -> subprocess.CompletedProcess:
    script = Path(arguments.source) / "scripts/single_header.py"
    return subprocess.run([sys.executable, "-B", str(script), *map(str, words)], text=True, capture_output=True, check=False)


class SingleHeader(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="zofo single é ")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_example(self):
        header = self.folder / "zofo.hpp"
        done = join(header)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = header.read_text(encoding="utf-8")
        self.assertNotIn('#include "', text)
        self.assertIn("// MIT License", text)
        example = (Path(arguments.source) / "examples/quadratic/main.cpp").read_text(encoding="utf-8").splitlines()
        lines = ['#include "zofo.hpp"', *(line for line in example if not line.startswith('#include "zofo/'))]
        (self.folder / "main.cpp").write_text("\n".join(lines) + "\n", encoding="utf-8")
        program = self.folder / "quadratic"
        # After the system's own folders: one of these may be /usr/include, which -isystem would move before those of C++.
        includes = [word for folder in arguments.includes.split(";") for word in ("-idirafter", folder) if folder]
        command = [arguments.compiler, "-std=c++20", "-O0", "-Werror=psabi", *includes, "main.cpp", "-o", str(program),
                   *filter(None, arguments.libraries.split(";"))]
        done = subprocess.run(command, cwd=self.folder, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr[-3000:])
        output = subprocess.run([program], text=True, capture_output=True, check=True).stdout
        self.assertRegex(output, r"^phi\(theta\) = 18\.59\d* before, 13\.56\d* after")
        if arguments.program:
            self.assertEqual(output, subprocess.run([arguments.program], text=True, capture_output=True, check=True).stdout)

    def refused(self, headers: dict) -> str:
        for name, text in headers.items():
            (self.folder / "zofo").mkdir(exist_ok=True)
            (self.folder / "zofo" / name).write_text(text, encoding="utf-8")
        done = join(self.folder / "out.hpp", "--include", self.folder, "zofo/a.hpp")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertFalse((self.folder / "out.hpp").exists())
        return done.stderr

    def test_missing_header(self):
        self.assertIn("zofo/a.hpp:1: zofo/b.hpp: not found", self.refused({"a.hpp": '#include "zofo/b.hpp"\n'}))

    def test_include_under_a_condition(self):
        headers = {"a.hpp": '#ifdef X\n#include "zofo/b.hpp"\n#endif\n', "b.hpp": "#pragma once\n"}
        self.assertIn("zofo/a.hpp:2: zofo/b.hpp is included under a condition", self.refused(headers))

    def test_text_without_pragma_once_is_repeated(self):
        (self.folder / "zofo").mkdir()
        (self.folder / "zofo/a.hpp").write_text('#pragma once\n#if 1\n#include "zofo/text.hpp"\n#endif\n'
                                                'namespace n {\n#include "zofo/text.hpp"\n}\n', encoding="utf-8")
        (self.folder / "zofo/text.hpp").write_text("int x;\n", encoding="utf-8")
        done = join(self.folder / "out.hpp", "--include", self.folder, "zofo/a.hpp")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.folder / "out.hpp").read_text(encoding="utf-8").count("int x;"), 2)

    def test_text_that_includes_itself(self):
        self.assertIn("zofo/a.hpp includes itself", self.refused({"a.hpp": '#include "zofo/a.hpp"\n'}))

    def test_relative_include(self):
        self.assertIn('"b.hpp": must be "zofo/..."', self.refused({"a.hpp": '#include "b.hpp"\n', "b.hpp": ""}))

    def test_open_condition(self):
        self.assertIn("zofo/a.hpp: 1 #if without #endif", self.refused({"a.hpp": "#if 1\n"}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("source", "compiler", "includes", "libraries"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--program", default="")
    arguments, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
