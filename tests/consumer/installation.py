"""What the tests of consumers share: an installed copy of the build, CMake and compiler runs."""

import argparse
import os
import shutil
import subprocess
from pathlib import Path

ODD = "pre fix é"  # a folder's name with a blank and a letter beyond ASCII


class Failure(Exception):
    """A command that failed, with its output."""


def run(*command, env=None, fails=False, encoding="utf-8") -> str:
    """The output of a command, whose success or failure must be the expected one."""
    words = [str(word) for word in command]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    done = subprocess.run(words, env=environment, encoding=encoding, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    if (done.returncode != 0) != fails:
        raise Failure(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


class Setting:
    """Where the source tree, the finished build and the scratch folder are."""

    def __init__(self, arguments):
        self.source, self.build, self.work = (Path(p).resolve() for p in
                                              (arguments.source, arguments.build, arguments.work))
        self.compiler, self.options = arguments.compiler, arguments.option
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    def install(self) -> Path:
        """Installs the build and moves the copy, so that nothing may refer to the first folder."""
        first, prefix = self.work / "first", self.work / ODD
        if not prefix.exists():
            run("cmake", "--install", self.build, "--prefix", first, "--component", "development")
            first.rename(prefix)
        return prefix

    def configure(self, folder: Path, *options, fails=False) -> str:
        """Configures the project in `folder` into `folder`/build."""
        return run("cmake", "-S", folder, "-B", folder / "build", "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={self.compiler}",
                   "-DCMAKE_BUILD_TYPE=Release", *options, fails=fails)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--source", required=True, help="zofo's source tree")
    parser.add_argument("--build", required=True, help="a finished build of it")
    parser.add_argument("--work", required=True, help="scratch folder, emptied first")
    parser.add_argument("--compiler", required=True, help="C++ compiler")
    parser.add_argument("--option", action="append", default=[], help="CMake option for zofo as a subdirectory")
