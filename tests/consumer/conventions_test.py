"""The installed package behaves as CMake's conventions want it, and as a subdirectory zofo leaves its user's project alone.

    conventions_test.py --source DIR --build DIR --work DIR --compiler CXX [--components core,llm,cuda]
"""

import argparse
import sys
import unittest
from pathlib import Path

from installation import ODD, Setting, add_arguments, run

setting: Setting = None
components = []
START = "cmake_minimum_required(VERSION 3.25)\nproject(user LANGUAGES CXX)\n"


class Packages(unittest.TestCase):
    """find_package(zofo) against an installed and moved copy whose path has a blank and a letter beyond ASCII."""

    def project(self, lines: str, files=None) -> Path:
        folder = setting.work / f"{ODD} users" / self.id().rpartition(".")[2]
        for name, text in {"CMakeLists.txt": START + lines, **(files or {})}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        return folder

    def answer(self, lines: str, *options, fails=False, files=None) -> str:
        """What the configuration of a project prints, in one line."""
        output = setting.configure(self.project(lines, files), f"-DCMAKE_PREFIX_PATH={setting.install()}", *options,
                                   fails=fails)
        return " ".join(output.split())

    def test_core_without_components(self):
        output = self.answer("find_package(zofo REQUIRED)\nmessage(STATUS ${zofo_FOUND} ${zofo_core_FOUND} ${zofo_VERSION})\n"
                             "if(NOT TARGET zofo::zofo OR TARGET zofo::llm)\nmessage(FATAL_ERROR targets)\nendif()\n")
        self.assertIn("1TRUE0.1.", output)

    def test_version(self):
        self.answer("find_package(zofo 0.1 REQUIRED)")
        self.assertIn("version", self.answer("find_package(zofo 0.2 REQUIRED)", fails=True))

    def test_unknown_component(self):
        self.assertIn("zofo: unknown component 'nonsense': must be core, llm or cuda",
                      self.answer("find_package(zofo REQUIRED COMPONENTS core nonsense)", fails=True))

    def test_unknown_component_that_is_not_required(self):
        lines = ("find_package(zofo QUIET COMPONENTS nonsense)\nmessage(STATUS \"[${zofo_FOUND}|${zofo_nonsense_FOUND}|"
                 "${zofo_NOT_FOUND_MESSAGE}]\")\nif(TARGET zofo::zofo)\nmessage(FATAL_ERROR target)\nendif()\n"
                 "find_package(zofo QUIET OPTIONAL_COMPONENTS nonsense core)\n"
                 "message(STATUS \"{${zofo_FOUND}|${zofo_nonsense_FOUND}|${zofo_core_FOUND}}\")\n")
        output = self.answer(lines)
        self.assertIn("[0|FALSE|zofo: unknown component 'nonsense': must be core, llm or cuda]", output)
        self.assertIn("{1|FALSE|TRUE}", output)
        self.assertNotIn("Warning", output)

    def test_component_that_was_not_installed(self):
        absent = [each for each in ("llm", "cuda") if each not in components]
        if not absent:
            self.skipTest("all components are installed")
        self.assertIn(f"this zofo was installed without the component {absent[0]} (ZOFO_{absent[0].upper()}=OFF)",
                      self.answer(f"find_package(zofo REQUIRED COMPONENTS {absent[0]})", fails=True))

    def test_all_components_twice_and_from_two_folders(self):
        names = " ".join(components)
        sub = f"find_package(zofo REQUIRED)\nfind_package(zofo REQUIRED COMPONENTS {names})\n"
        self.answer("add_subdirectory(a)\nadd_subdirectory(b)\n" + sub, files={"a/CMakeLists.txt": sub, "b/CMakeLists.txt": sub})

    def test_found_in_a_subfolder_and_used_above(self):
        library = f"zofo::{components[-1]}" if len(components) > 1 else "zofo::zofo"
        files = {"sub/CMakeLists.txt": f"find_package(zofo REQUIRED COMPONENTS {components[-1]})\nadd_library(wrap INTERFACE)\n"
                                       f"target_link_libraries(wrap INTERFACE {library})\n",
                 "u.cpp": '#include "zofo/core/version.hpp"\nint main() { return ZOFO_VERSION_MAJOR; }\n'}
        self.answer("add_subdirectory(sub)\nadd_executable(u u.cpp)\ntarget_link_libraries(u PRIVATE wrap)\n", files=files)

    def eigen(self, version: str) -> str:
        """A package file of Eigen of that version, which refuses requests for another major version."""
        folder = setting.work / f"eigen-{version}"
        folder.mkdir(exist_ok=True)
        (folder / "Eigen3Config.cmake").write_text("add_library(Eigen3::Eigen INTERFACE IMPORTED)\n", encoding="utf-8")
        script = folder / "write.cmake"
        script.write_text("include(CMakePackageConfigHelpers)\nwrite_basic_package_version_file("
                          f'"{folder}/Eigen3ConfigVersion.cmake" VERSION {version} COMPATIBILITY SameMajorVersion)\n',
                          encoding="utf-8")
        run("cmake", "-P", script)
        return f"-DEigen3_DIR={folder}"

    def test_eigen_5(self):
        self.answer("find_package(zofo REQUIRED)", self.eigen("5.0.1"))

    def test_eigen_that_is_too_old(self):
        output = self.answer("find_package(zofo REQUIRED)", self.eigen("3.3.9"), fails=True)
        self.assertIn("needs Eigen 3.4 or newer (found 3.3.9 in ", output)
        self.assertIn("apt-get install libeigen3-dev", output)

    def test_eigen_that_is_too_old_for_a_build_of_zofo(self):
        output = self.answer(f'add_subdirectory("{setting.source}" zofo)', self.eigen("3.3.9"), fails=True)
        self.assertIn("needs Eigen 3.4 or newer (found 3.3.9 in ", output)

    def test_missing_library(self):
        output = self.answer("find_package(zofo REQUIRED)", "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON", fails=True)
        self.assertIn("zofo: core needs fmt. Debian and Ubuntu: apt-get install libfmt-dev", output)
        lines = "find_package(zofo)\nmessage(STATUS \"[${zofo_FOUND}]\")\n"
        self.assertIn("[0]", self.answer(lines, "-DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON"))

    def test_compiler_without_openmp(self):
        self.answer("find_package(zofo REQUIRED)", "-DCMAKE_DISABLE_FIND_PACKAGE_OpenMP=ON")

    def test_nothing_refers_to_the_source_or_build_tree(self):
        for path in setting.install().rglob("*"):
            if path.suffix in (".cmake", ".pc", ".hpp"):
                text = path.read_text(encoding="utf-8")
                for folder in (setting.source, setting.build):
                    self.assertNotIn(str(folder) + "/", text, path)


class Subdirectory(unittest.TestCase):
    """add_subdirectory(zofo) in a user's project."""

    def configure(self, lines: str, *options, fails=False):
        folder = setting.work / "subdirectory" / self.id().rpartition(".")[2]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "CMakeLists.txt").write_text(START + lines, encoding="utf-8")
        return folder, setting.configure(folder, *options, fails=fails)

    def test_needs_eigen_and_fmt_only_and_installs_and_builds_nothing(self):
        others = [f"-DCMAKE_DISABLE_FIND_PACKAGE_{name}=ON" for name in
                  ("OpenMP", "nlohmann_json", "tomlplusplus", "CLI11", "Catch2", "benchmark", "PkgConfig", "BLAS")]
        folder, _ = self.configure(f'add_subdirectory("{setting.source}" zofo)\n'
                                   "install(FILES CMakeLists.txt DESTINATION share/user)\n", *others)
        run("cmake", "--build", folder / "build")
        run("cmake", "--install", folder / "build", "--prefix", folder / "prefix")
        installed = [path.relative_to(folder / "prefix") for path in (folder / "prefix").rglob("*") if path.is_file()]
        self.assertEqual(installed, [Path("share/user/CMakeLists.txt")])
        built = [path for path in (folder / "build/zofo").rglob("*") if path.suffix in (".o", ".a")]
        self.assertEqual(built, [])

    def test_targets_of_the_users_own(self):
        self.configure("add_library(zofo INTERFACE)\nadd_library(llm INTERFACE)\nadd_library(cuda INTERFACE)\n"
                       f'set(ZOFO_LLM ON)\nadd_subdirectory("{setting.source}" zofo_folder)\n')

    def test_install_that_is_requested(self):
        folder, _ = self.configure(f'set(ZOFO_INSTALL ON)\nadd_subdirectory("{setting.source}" zofo)\n'
                                   "add_library(user INTERFACE)\ntarget_link_libraries(user INTERFACE zofo::zofo)\n"
                                   "install(TARGETS user EXPORT user)\ninstall(EXPORT user DESTINATION share/user)\n")
        run("cmake", "--install", folder / "build", "--prefix", folder / "prefix")
        self.assertEqual(len(list((folder / "prefix").rglob("zofoConfig.cmake"))), 1)

    def test_wrong_openmp_option(self):
        _, output = self.configure(f'add_subdirectory("{setting.source}" zofo)', "-DZOFO_OPENMP=maybe", fails=True)
        self.assertIn("ZOFO_OPENMP = 'maybe': must be AUTO, ON or OFF", output)


def main() -> None:
    global setting, components
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.add_argument("--components", default="core", help="the installed ones, separated by commas")
    arguments, rest = parser.parse_known_args()
    setting, components = Setting(arguments), arguments.components.split(",")
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
