# What zofo's targets link to; shared by the build and by the installed zofoConfig.cmake.

# For zofo::zofo. Everything is looked for quietly; zofo_require_targets then says all that is missing at once.
macro(zofo_find_base_dependencies)
  find_package(Eigen3 3.4 QUIET NO_MODULE)
  find_package(fmt QUIET)
  find_package(OpenMP QUIET COMPONENTS CXX)
  zofo_require_targets(Eigen3::Eigen fmt::fmt OpenMP::OpenMP_CXX)
endmacro()

# For zofo::llm.
macro(zofo_find_llm_dependencies)
  find_package(nlohmann_json QUIET)
  find_package(PkgConfig QUIET)
  if(PKG_CONFIG_FOUND AND NOT TARGET PkgConfig::zofo_pcre2)
    pkg_check_modules(zofo_pcre2 QUIET IMPORTED_TARGET GLOBAL libpcre2-8)
  endif()
  zofo_find_library(utf8proc utf8proc.h)
  zofo_find_library(sentencepiece sentencepiece_processor.h)
  zofo_find_tomlplusplus()
  zofo_find_blas()
  zofo_require_targets(nlohmann_json::nlohmann_json PkgConfig::zofo_pcre2 tomlplusplus::tomlplusplus
                       zofo_blas::zofo_blas zofo_utf8proc::zofo_utf8proc zofo_sentencepiece::zofo_sentencepiece)
endmacro()

# For zofo::cuda.
macro(zofo_find_cuda_dependencies)
  find_package(CUDAToolkit 12.0 REQUIRED)
endmacro()

# Fails with the packages' names when one of the targets is missing.
function(zofo_require_targets)
  set(missing "")
  foreach(target IN LISTS ARGN)
    if(NOT TARGET ${target})
      string(APPEND missing " ${target}")
    endif()
  endforeach()
  if(missing)
    message(FATAL_ERROR "zofo: not found:${missing}. Debian and Ubuntu: apt-get install pkg-config libeigen3-dev "
                          "libfmt-dev libopenblas-openmp-dev libpcre2-dev nlohmann-json3-dev libtomlplusplus-dev "
                          "libutf8proc-dev libsentencepiece-dev")
  endif()
endfunction()

# zofo_find_library(NAME HEADER): target zofo_NAME::zofo_NAME for a library that brings no CMake package. SentencePiece's
# pkg-config file links its trainer too, which is not wanted.
function(zofo_find_library name header)
  if(TARGET zofo_${name}::zofo_${name})
    return()
  endif()
  string(TOUPPER ${name} upper)
  find_library(ZOFO_${upper} NAMES ${name})
  find_path(ZOFO_${upper}_INCLUDE ${header})
  mark_as_advanced(ZOFO_${upper} ZOFO_${upper}_INCLUDE)
  if(ZOFO_${upper} AND ZOFO_${upper}_INCLUDE)
    add_library(zofo_${name}::zofo_${name} INTERFACE IMPORTED GLOBAL)
    target_include_directories(zofo_${name}::zofo_${name} INTERFACE "${ZOFO_${upper}_INCLUDE}")
    target_link_libraries(zofo_${name}::zofo_${name} INTERFACE "${ZOFO_${upper}}")
  endif()
endfunction()

# toml++: its own CMake package, else pkg-config, else the bare header.
function(zofo_find_tomlplusplus)
  if(TARGET tomlplusplus::tomlplusplus)
    return()
  endif()
  find_package(tomlplusplus CONFIG QUIET GLOBAL)
  if(TARGET tomlplusplus::tomlplusplus)
    return()
  endif()
  find_path(ZOFO_TOML_INCLUDE toml++/toml.h)
  mark_as_advanced(ZOFO_TOML_INCLUDE)
  if(ZOFO_TOML_INCLUDE)
    add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED GLOBAL)
    target_include_directories(tomlplusplus::tomlplusplus INTERFACE "${ZOFO_TOML_INCLUDE}")
  endif()
endfunction()

# OpenBLAS with cblas.h. Debian and Ubuntu have builds side by side; the OpenMP one comes first, because it shares the
# transformer's threads instead of running a second pool beside them. Elsewhere find_package(BLAS) says where it is.
function(zofo_find_blas)
  if(TARGET zofo_blas::zofo_blas)
    return()
  endif()
  if(NOT EXISTS "${ZOFO_OPENBLAS}" OR NOT EXISTS "${ZOFO_CBLAS_INCLUDE}/cblas.h")  # first time, or packages exchanged
    unset(ZOFO_OPENBLAS CACHE)
    unset(ZOFO_CBLAS_INCLUDE CACHE)
  endif()
  find_library(ZOFO_OPENBLAS NAMES openblas PATH_SUFFIXES openblas-openmp openblas-pthread)
  find_path(ZOFO_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas-openmp openblas-pthread openblas)
  mark_as_advanced(ZOFO_OPENBLAS ZOFO_CBLAS_INCLUDE)
  set(libraries ${ZOFO_OPENBLAS})
  if(NOT libraries)
    set(BLA_VENDOR OpenBLAS)
    find_package(BLAS QUIET)
    set(libraries ${BLAS_LIBRARIES})
  endif()
  if(ZOFO_CBLAS_INCLUDE AND libraries)
    add_library(zofo_blas::zofo_blas INTERFACE IMPORTED GLOBAL)
    target_include_directories(zofo_blas::zofo_blas INTERFACE "${ZOFO_CBLAS_INCLUDE}")
    target_link_libraries(zofo_blas::zofo_blas INTERFACE ${libraries})
  endif()
endfunction()
