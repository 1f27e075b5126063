# cpack -G DEB: zofo_VERSION_ARCH.deb (the program, its task definitions and scripts) and libzofo-dev_VERSION_ARCH.deb
# (headers, libraries, CMake and pkg-config files). cpack -G TGZ: one archive of both, which can be unpacked anywhere.
set(ZOFO_PACKAGE_CONTACT "zofo maintainers <maintainers@zofo.example>" CACHE STRING "Maintainer named in the packages")
set(CPACK_GENERATOR DEB TGZ)
set(CPACK_PACKAGE_NAME zofo)
set(CPACK_PACKAGE_VENDOR "The zofo authors")
set(CPACK_PACKAGE_CONTACT "${ZOFO_PACKAGE_CONTACT}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "bilevel zeroth-order optimisation and fine-tuning of language models")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_STRIP_FILES ON)
set(CPACK_THREADS 0)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
    OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_COMPONENTS_ALL development)
if(TARGET zofo_program)
  list(PREPEND CPACK_COMPONENTS_ALL program)
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME zofo)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "python3, ca-certificates")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "python3-matplotlib")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION
    "The command zofo trains adapters of a language model with gradients, and its
backbone with loss values only, so that memory use is close to inference.
It reads GGUF files and Hugging Face folders.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libzofo-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libeigen3-dev (>= 3.4), libfmt-dev")
if(ZOFO_LLM)
  string(APPEND CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
         ", libopenblas-openmp-dev | libopenblas-dev, libpcre2-dev, nlohmann-json3-dev, libtomlplusplus-dev, "
         "libutf8proc-dev, libsentencepiece-dev")
endif()
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "Headers of the C++20 framework zofo, its compiled library of language models,
and the files by which CMake and pkg-config find them.")

# Both run inside cpack: the first rejects builds that cannot be packaged, the second adds Debian's own files.
set(CPACK_PROJECT_CONFIG_FILE "${PROJECT_BINARY_DIR}/zofoPackageCheck.cmake")
file(WRITE "${CPACK_PROJECT_CONFIG_FILE}" "set(native \"${ZOFO_NATIVE}\")\nset(sanitize \"${ZOFO_SANITIZE}\")\n"
           "set(cuda \"${ZOFO_CUDA}\")\nset(shared \"${BUILD_SHARED_LIBS}\")\n"
           "include(\"${PROJECT_SOURCE_DIR}/packaging/debian/check.cmake\")\n")
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/packaging/debian/add_files.cmake")
set(CPACK_ZOFO_SOURCE_DIR "${PROJECT_SOURCE_DIR}")
include(CPack)
