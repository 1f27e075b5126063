"""Conan 2 recipe. In the root of a source tree:

    conan create packaging/conan -o "zofo/*:llm=True"

The dependencies come from ConanCenter, or with -o "zofo/*:system_dependencies=True" from the system.
"""

import os

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class ZofoConan(ConanFile):
    name = "zofo"
    description = "Bilevel optimisation with a zeroth-order outer level, and language models trained by it"
    license = "MIT"
    topics = ("optimization", "bilevel", "zeroth-order", "fine-tuning", "header-only")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "fPIC": [True, False], "llm": [True, False], "cuda": [True, False],
               "system_dependencies": [True, False]}
    default_options = {"shared": False, "fPIC": True, "llm": False, "cuda": False, "system_dependencies": False}

    def set_version(self):
        path = os.path.join(self.recipe_folder, os.pardir, os.pardir, "include/zofo/core/version.hpp")
        lines = load(self, path).splitlines()
        words = [line.split() for line in lines if line.startswith("#define ZOFO_VERSION_")]
        numbers = {word[1]: word[2] for word in words if len(word) == 3}
        self.version = ".".join(numbers[f"ZOFO_VERSION_{part}"] for part in ("MAJOR", "MINOR", "PATCH"))

    def export_sources(self):
        root = os.path.join(self.recipe_folder, os.pardir, os.pardir)
        for pattern in ("CMakeLists.txt", "LICENSE", "cmake/*", "include/*", "src/*", "packaging/zofo.1"):
            copy(self, pattern, root, self.export_sources_folder)

    def configure(self):
        if self.options.shared or not self.options.llm:
            self.options.rm_safe("fPIC")
        if not self.options.llm:
            self.options.rm_safe("shared")
            self.package_type = "header-library"

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("zofo needs Linux")
        if self.options.cuda and not self.options.llm:
            raise ConanInvalidConfiguration("the option cuda needs the option llm: the backend runs the bundled transformer")

    def requirements(self):
        if self.options.system_dependencies:
            return
        self.requires("eigen/3.4.0", transitive_headers=True)
        self.requires("fmt/[>=9.1 <12]", transitive_headers=True)
        if self.options.llm:
            for package in ("nlohmann_json/[>=3.11 <4]", "tomlplusplus/[>=3.3 <4]", "pcre2/[>=10.42 <11]",
                            "utf8proc/[>=2.8 <3]", "sentencepiece/[>=0.1.97 <1]", "openblas/[>=0.3.21 <1]"):
                self.requires(package, transitive_headers=True, transitive_libs=True)

    def package_id(self):
        if not self.info.options.llm:
            self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables.update({
            "ZOFO_INSTALL": True, "ZOFO_LLM": bool(self.options.llm), "ZOFO_CUDA": bool(self.options.cuda),
            "ZOFO_BUILD_TESTS": False, "ZOFO_BUILD_BENCH": False, "ZOFO_BUILD_EXAMPLES": False, "ZOFO_NATIVE": False})
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()
        # zofo's own package files carry its components and their messages; CMakeDeps is told not to write others.
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))

    def package_info(self):
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs = [os.path.join("lib", "cmake", "zofo")]
        self.cpp_info.libdirs = ["lib"] if self.options.llm else []
        self.cpp_info.bindirs = []
