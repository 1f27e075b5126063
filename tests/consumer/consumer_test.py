"""One user's program, built outside the source tree.

    consumer_test.py COMPONENT WAY --source DIR --build DIR --work DIR --compiler CXX [--option OPTION]

COMPONENT: core (examples/custom_policy), llm or cuda. WAY:
  find_package      against an installed copy of the build, which has been moved
  pkg_config        the same without CMake
  add_subdirectory  zofo as a part of the user's project. Its compiled libraries would take minutes to build, so that of llm
                    and cuda the project is configured and the user's own file compiled, but not linked.
"""

import argparse
import shlex
import shutil
import sys

from installation import Failure, Setting, add_arguments, run

PACKAGES = {"core": "zofo", "llm": "zofo-llm", "cuda": "zofo-cuda"}
OUTPUT = {"core": "gradient norm of the penalty", "llm": "consumer of llm: {", "cuda": "consumer of cuda: GPU 0: "}


def sources(setting: Setting, component: str):
    """A copy of the user's project, away from the source tree."""
    origin = setting.source / ("examples/custom_policy" if component == "core" else f"tests/consumer/{component}")
    return shutil.copytree(origin, setting.work / "user")


def check(program, component: str) -> None:
    output = run(program)
    if OUTPUT[component] not in output:
        raise Failure(f"{program}: '{OUTPUT[component]}' is not in its output:\n{output}")
    print(output, end="")


def by_cmake(setting: Setting, component: str, project) -> None:
    run("cmake", "--build", project / "build")
    name = "custom_policy" if component == "core" else "consumer"
    programs = [path for path in (project / "build").rglob(name) if path.is_file()]
    if len(programs) != 1:
        raise Failure(f"{project}/build: {len(programs)} programs {name} were built")
    check(programs[0], component)


def find_package(setting: Setting, component: str) -> None:
    project = sources(setting, component)
    setting.configure(project, f"-DCMAKE_PREFIX_PATH={setting.install()}")
    by_cmake(setting, component, project)


def pkg_config(setting: Setting, component: str) -> None:
    project = sources(setting, component)
    files = list(setting.install().rglob(PACKAGES[component] + ".pc"))
    if len(files) != 1:
        raise Failure(f"{setting.install()}: {len(files)} files {PACKAGES[component]}.pc were installed")
    environment = {"PKG_CONFIG_PATH": str(files[0].parent)}
    # A shell's words. pkg-config puts a backslash before each byte of a letter beyond ASCII: no text until that is undone.
    flags = run("pkg-config", "--cflags", "--libs", PACKAGES[component], env=environment, encoding="latin-1")
    words = [word.encode("latin-1").decode() for word in shlex.split(flags)]
    program = setting.work / "program"
    run(setting.compiler, "-std=c++20", "-O1", *project.glob("*.cpp"), "-o", program, *words)
    check(program, component)


def add_subdirectory(setting: Setting, component: str) -> None:
    sources(setting, component)
    on = "".join(f"set(ZOFO_{part.upper()} ON)\n" for part in ("llm", "cuda") if part in (component, "llm") and
                 component != "core")
    (setting.work / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES CXX)\n" + on +
        f'add_subdirectory("{setting.source}" zofo)\nadd_subdirectory(user)\n', encoding="utf-8")
    setting.configure(setting.work, *setting.options)
    if component == "core":
        by_cmake(setting, component, setting.work)
        return
    build = setting.work / "build"
    run("ninja", "-C", build, "user/CMakeFiles/consumer.dir/main.cpp.o")
    plan = run("ninja", "-C", build, "-t", "commands", "user/consumer")
    if f"libzofo_{component}" not in plan:
        raise Failure(f"user/consumer: links no libzofo_{component}:\n{plan[-2000:]}")


def main() -> int:
    parser = argparse.ArgumentParser(description="One user's program, built outside the source tree.")
    parser.add_argument("component", choices=PACKAGES)
    ways = {way.__name__: way for way in (find_package, pkg_config, add_subdirectory)}
    parser.add_argument("way", choices=ways)
    add_arguments(parser)
    arguments = parser.parse_args()
    try:
        ways[arguments.way](Setting(arguments), arguments.component)
    except Failure as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
