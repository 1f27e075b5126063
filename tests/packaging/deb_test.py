"""The Debian packages of a finished build: their fields, and the program as the package unpacks it.

    deb_test.py BUILD SOURCE WORK
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

BUILD = SOURCE = WORK = None
SHARED = ("libc6", "libcpp-httplib0.11", "libgomp1", "libfmt9", "libopenblas0", "libpcre2-8-0", "libsentencepiece0", "libstdc++6", "libutf8proc2")


def run(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], text=True, encoding="utf-8", capture_output=True, check=False,
                          **options)


class DebianPackages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        done = run("cpack", "-G", "DEB", "-D", "CPACK_ZOFO_TEST=ON", "-B", WORK / "packages", "--config",
                   BUILD / "CPackConfig.cmake")
        if done.returncode != 0:
            raise RuntimeError(done.stdout + done.stderr)
        cls.packages = {path.name.partition("_")[0]: path for path in (WORK / "packages").glob("*.deb")}
        cls.root = WORK / "ünpacked here"
        if "zofo" in cls.packages:
            subprocess.run(["dpkg-deb", "-x", cls.packages["zofo"], cls.root], check=True)

    def field(self, package: str, name: str) -> str:
        done = run("dpkg-deb", "-f", self.packages[package], name)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def files(self, package: str) -> list:
        return [line.split()[5] for line in run("dpkg-deb", "-c", self.packages[package]).stdout.splitlines()]

    def zofo(self, *arguments, code=0, environment=None) -> str:
        """What the unpacked program prints where neither source nor build tree can be reached."""
        command = [self.outside() / "usr/bin/zofo", *arguments]
        if self.can_hide():
            hide = 'mount -t tmpfs none "$1" && { [ ! -d "$2" ] || mount -t tmpfs none "$2"; } && shift 2 && exec "$@"'
            command = ["unshare", "--mount", "sh", "-c", hide, "hide", SOURCE, BUILD, *command]
        env = {**os.environ, "ZOFO_TASKS": "", "LD_LIBRARY_PATH": "/usr/local/cuda/lib64", **(environment or {})}
        done = run(*command, cwd=self.outside(), env=env)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def outside(self) -> Path:
        """A copy of the unpacked package outside the build tree, which is hidden."""
        copy = Path(tempfile.gettempdir()) / f"zofo deb test {os.getpid()}"
        if not copy.exists():
            shutil.copytree(self.root, copy, symlinks=True)
            self.addClassCleanup(shutil.rmtree, copy)
        return copy

    @staticmethod
    def can_hide() -> bool:
        return os.geteuid() == 0 and run("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /mnt").returncode == 0

    def test_names(self):
        self.assertEqual(set(self.packages), {"zofo", "libzofo-dev"})

    def test_fields(self):
        for package in self.packages:
            for name, pattern in (("Package", package), ("Version", r"\d+\.\d+\.\d+-1"), ("Architecture", "[a-z0-9]+"),
                                  ("Maintainer", ".+ <.+@.+>"), ("Section", "science|libdevel"), ("Priority", "optional"),
                                  ("Description", r"[^\n]{10,80}\n .*")):
                self.assertRegex(self.field(package, name), re.compile(f"^(?:{pattern})$", re.DOTALL), f"{package}: {name}")

    def test_dependencies(self):
        depends = self.field("zofo", "Depends")
        for library in SHARED:
            self.assertIn(library, depends)
        self.assertNotIn("-dev", depends)
        for library in ("libeigen3-dev", "libfmt-dev", "libsentencepiece-dev"):
            self.assertIn(library, self.field("libzofo-dev", "Depends"))

    def test_files(self):
        for package, names in (("zofo", ("usr/bin/zofo", "usr/share/zofo/tasks/movies/task.toml", "usr/share/zofo/measured/methods.json",
                                         "usr/share/man/man1/zofo.1.gz", "usr/share/zofo/scripts/compare_report.py",
                                         "usr/share/zofo/scripts/compare_figures.py", "usr/share/doc/zofo/copyright")),
                               ("libzofo-dev", ("usr/include/zofo/zofo.hpp", "usr/include/zofo/core/version.hpp",
                                                "usr/share/doc/libzofo-dev/copyright"))):
            for name in names:
                self.assertIn("./" + name, self.files(package))
        self.assertFalse([name for name in self.files("zofo") if "include" in name])
        for name in ("zofoConfig.cmake", "zofo.pc", "zofo-llm.pc", "libzofo_llm.a"):
            self.assertTrue([path for path in self.files("libzofo-dev") if path.endswith("/" + name)], name)

    def test_program_names_no_folder_of_the_build(self):
        program = (self.root / "usr/bin/zofo").read_bytes()
        for folder in (SOURCE, BUILD):
            self.assertNotIn(os.fsencode(folder) + b"/", program)

    def test_version(self):
        version = self.field("zofo", "Version").removesuffix("-1")
        self.assertEqual(self.zofo("--version").strip(), version)
        port = json.loads((SOURCE / "packaging/vcpkg/ports/zofo/vcpkg.json").read_text(encoding="utf-8"))
        self.assertEqual(port["version"], version)

    def test_methods(self):
        self.assertIn("bilevel", self.zofo("methods"))

    def test_demo(self):
        output = self.zofo("demo", "--tiny", "--seconds", "1", "--out", "run")
        for method in ("zero-shot", "MeZO", "Bilevel-ZOFO"):
            self.assertIn(method, output)

    def test_demo_without_a_model_says_what_to_do(self):
        output = self.zofo("demo", "--out", "run-without-model", code=2)
        self.assertRegex(output, r"python3 .+/usr/share/zofo/scripts/fetch\.py --cache")
        self.assertIn("zofo demo --tiny", output)

    def test_task_definitions(self):
        arguments = ("evaluate", "--model", "none.gguf", "--task", "movies", "--data", "none")
        self.assertNotIn("the task definitions", self.zofo(*arguments, code=2))
        output = self.zofo(*arguments, code=2, environment={"ZOFO_TASKS": "/nowhere"})
        self.assertIn("the task definitions: not found: $ZOFO_TASKS = '/nowhere' does not exist", output)

    def test_lintian(self):
        if not shutil.which("lintian"):
            self.skipTest("lintian is not installed")
        # The first is for uploads to Debian; the next two name folders that the preset `package` sets and this build does
        # not; the last is the folder of the CUDA toolkit, which no package for Debian has (cpack rejects such a build).
        ignored = ("initial-upload-closes-no-bugs,pkg-config-multi-arch-wrong-dir,"
                   "pkg-config-unavailable-for-cross-compilation,pkg-config-bad-directive")
        done = run("lintian", "--allow-root", "--fail-on", "error,warning", "--suppress-tags", ignored, *self.packages.values())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    BUILD, SOURCE, WORK = (Path(sys.argv.pop(1)).resolve() for _ in range(3))
    unittest.main()
