# Compile options of this project's code. As a subdirectory of another project, zofo uses that project's settings.
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
find_program(ZOFO_CCACHE ccache)
mark_as_advanced(ZOFO_CCACHE)
if(ZOFO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${ZOFO_CCACHE}")
endif()
# nvcc generates code that is not pedantic C++: for .cu files the host compiler gets the other warnings only.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow>"
                    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow>")
# The same rules for clang as for g++: -Wconversion excludes signs, and inner braces may be omitted. clang also reports
# deprecated functions that std::stable_sort of libstdc++ 12 calls.
add_compile_options(
  "$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-sign-conversion;-Wno-missing-braces;-Wno-deprecated-declarations>")
# Programs contain paths relative to the source tree, so that a build does not depend on its folder.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=>")
if(ZOFO_WERROR)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Werror>" "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>"
                      "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Werror>")
  # g++ 12 reports an overlap and a length inside std::string (GCC bug 105651); with precompiled headers also reads and
  # bounds, since it no longer takes them for system headers
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-error=restrict;-Wno-error=stringop-overflow>"
                      "$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-error=stringop-overread;-Wno-error=array-bounds>")
  # and a read of the value of an empty std::optional (GCC bug 80635)
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,GNU>:-Wno-error=maybe-uninitialized>")
endif()
if(ZOFO_NATIVE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-march=native>")
  # g++ 12 warns of its own AVX-512 header (GCC bug 105593) and of Eigen's use of it; where warnings are errors,
  # every machine compiles the same code.
  if(ZOFO_WERROR AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-mno-avx512f>")
  endif()
endif()
if(ZOFO_SANITIZE)
  add_compile_options(-fsanitize=${ZOFO_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # False alarms of g++ inside libstdc++ under the sanitizers.
  add_compile_options("$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
  # At the low optimisation of instrumented code clang does not vectorise loops that ask for it.
  add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-pass-failed>")
  add_link_options(-fsanitize=${ZOFO_SANITIZE})
endif()
