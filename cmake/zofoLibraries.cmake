# The libraries: zofo::zofo has only headers, zofo::llm and zofo::cuda have headers and compiled code. The names of the
# targets contain the project's name, so that they cannot clash with those of another project.
include(zofoDependencies)

# ---- OpenMP and the other dependencies -------------------------------------------------------------------------------
if(NOT ZOFO_OPENMP MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ZOFO_OPENMP = '${ZOFO_OPENMP}': must be AUTO, ON or OFF")
endif()
set(ZOFO_DEPENDENCY_OPTIONS "")  # of zofo_find_dependencies, here and in zofoConfig.cmake
if(NOT ZOFO_OPENMP STREQUAL "OFF")
  if(NOT TARGET OpenMP::OpenMP_CXX)
    find_package(OpenMP QUIET GLOBAL COMPONENTS CXX)
  endif()
  if(TARGET OpenMP::OpenMP_CXX)
    set(ZOFO_DEPENDENCY_OPTIONS OPENMP)
  elseif(ZOFO_OPENMP STREQUAL "ON")
    message(FATAL_ERROR "ZOFO_OPENMP=ON: the C++ compiler has no OpenMP")
  else()
    message(STATUS "zofo: the C++ compiler has no OpenMP: all work is done by one thread")
  endif()
endif()

set(ZOFO_INSTALLED_COMPONENTS core)
if(ZOFO_LLM)
  list(APPEND ZOFO_INSTALLED_COMPONENTS llm)
endif()
if(ZOFO_CUDA)
  # Machine code for the A100's and H100's generations, PTX for later ones.
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90-real;90-virtual" CACHE STRING "GPUs to compile for")
  set(CMAKE_CUDA_RUNTIME_LIBRARY Shared)
  enable_language(CUDA)
  list(APPEND ZOFO_INSTALLED_COMPONENTS cuda)
endif()
foreach(component IN LISTS ZOFO_INSTALLED_COMPONENTS)
  zofo_find_dependencies(${component} missing ${ZOFO_DEPENDENCY_OPTIONS})
  if(missing)
    message(FATAL_ERROR "zofo: ${missing}")
  endif()
endforeach()

# A program that links shared libraries of this installation finds them after the installation is moved.
if(BUILD_SHARED_LIBS AND ZOFO_INSTALL AND NOT DEFINED CMAKE_INSTALL_RPATH)
  file(RELATIVE_PATH libraries_from_program "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  set(CMAKE_INSTALL_RPATH "$ORIGIN;$ORIGIN/${libraries_from_program}")
endif()

# ---- targets ---------------------------------------------------------------------------------------------------------
set(ZOFO_BASE_MODULES core perturb estimate variance inner outer bilevel hypergradient problems)
set(ZOFO_LLM_MODULES parse tensor machine model peft tokenize chat checkpoint data lm config runtime model_io run train serve compare)
set(ZOFO_CUDA_MODULES tensor/cuda model/cuda train/cuda serve/cuda)

# zofo_add_headers(COMPONENT SCOPE MODULE...): the headers of the modules, for the target zofo_COMPONENT. A module's folder
# cuda belongs to zofo::cuda.
function(zofo_add_headers component scope)
  set(headers "")
  foreach(module IN LISTS ARGN)
    file(GLOB_RECURSE module_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/zofo/${module}/*.hpp")
    if(NOT component STREQUAL "cuda")
      list(FILTER module_headers EXCLUDE REGEX "/cuda/")
    endif()
    list(APPEND headers ${module_headers})
  endforeach()
  if(component STREQUAL "core")
    file(GLOB umbrellas CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/zofo/*.hpp")
    list(APPEND headers ${umbrellas})
  endif()
  target_sources(zofo_${component} ${scope} FILE_SET HEADERS BASE_DIRS "${PROJECT_SOURCE_DIR}/include" FILES ${headers})
  target_compile_features(zofo_${component} ${scope} cxx_std_20)
  set_target_properties(zofo_${component} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ${PROJECT_IS_TOP_LEVEL})
endfunction()

# zofo_add_compiled(COMPONENT SOURCE...): target zofo_COMPONENT, static unless BUILD_SHARED_LIBS is on.
function(zofo_add_compiled component)
  add_library(zofo_${component} ${ARGN})
  add_library(zofo::${component} ALIAS zofo_${component})
  # Python extensions and other shared libraries can link to the static library too.
  set_target_properties(zofo_${component} PROPERTIES
    EXPORT_NAME ${component} POSITION_INDEPENDENT_CODE ON VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

add_library(zofo_core INTERFACE)
add_library(zofo::zofo ALIAS zofo_core)
set_target_properties(zofo_core PROPERTIES EXPORT_NAME zofo)
zofo_add_headers(core INTERFACE ${ZOFO_BASE_MODULES})
target_link_libraries(zofo_core INTERFACE Eigen3::Eigen fmt::fmt)
if(ZOFO_DEPENDENCY_OPTIONS)
  # A user of the installed headers whose compiler has no OpenMP gets serial code.
  target_link_libraries(zofo_core INTERFACE $<TARGET_NAME_IF_EXISTS:OpenMP::OpenMP_CXX>)
endif()

if(ZOFO_LLM)
  file(GLOB_RECURSE llm_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/llm/*.cpp")
  zofo_add_compiled(llm ${llm_sources})
  zofo_add_headers(llm PUBLIC ${ZOFO_LLM_MODULES})
  target_include_directories(zofo_llm PRIVATE "${PROJECT_SOURCE_DIR}/src")
  # Most of a small source's compile time is the parsing of what it includes.
  set_target_properties(zofo_llm PROPERTIES UNITY_BUILD ${ZOFO_UNITY} UNITY_BUILD_BATCH_SIZE 12)
  # Other people's headers that most sources include, compiled once: a third of the library's compile time.
  target_precompile_headers(zofo_llm PRIVATE
    <fmt/format.h> <nlohmann/json.hpp> <algorithm> <array> <cmath> <cstdint> <filesystem> <fstream> <functional> <limits>
    <map> <memory> <numeric> <optional> <span> <string> <string_view> <system_error> <utility> <variant> <vector>)
  target_link_libraries(zofo_llm PUBLIC zofo_core zofo_blas::zofo_blas zofo_pcre2::zofo_pcre2 nlohmann_json::nlohmann_json
                                        tomlplusplus::tomlplusplus zofo_utf8proc::zofo_utf8proc
                                        zofo_sentencepiece::zofo_sentencepiece)
  if(NOT ZOFO_DEPENDENCY_OPTIONS)
    target_compile_options(zofo_llm PRIVATE -Wno-unknown-pragmas)
  endif()
  # share/zofo as the installed program reaches it from its own folder.
  file(RELATIVE_PATH data_from_program "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_DATADIR}/zofo")
  set_source_files_properties("${PROJECT_SOURCE_DIR}/src/llm/run/data_folder.cpp" PROPERTIES
                              COMPILE_DEFINITIONS "ZOFO_DATA_FROM_PROGRAM=\"${data_from_program}\"")
endif()

if(ZOFO_CUDA)
  file(GLOB kernels CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cuda/kernels/*.cu")
  # nvcc gets no flags of the host compiler. CMake 3.25 does not support C++20 for nvcc; with extensions, nvcc's default,
  # it adds no -std.
  add_library(zofo_cuda_kernels OBJECT ${kernels})
  set_target_properties(zofo_cuda_kernels PROPERTIES
    COMPILE_OPTIONS "-std=c++20;-Xcompiler=-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=" CUDA_EXTENSIONS ON
    POSITION_INDEPENDENT_CODE ON)
  target_include_directories(zofo_cuda_kernels PRIVATE "${PROJECT_SOURCE_DIR}/include" "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(zofo_cuda_kernels PRIVATE CUDA::cudart)

  file(GLOB cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cuda/*.cpp"
       "${PROJECT_SOURCE_DIR}/src/cuda/serve/*.cpp")
  zofo_add_compiled(cuda $<TARGET_OBJECTS:zofo_cuda_kernels> ${cuda_sources})
  set_target_properties(zofo_cuda PROPERTIES LINKER_LANGUAGE CXX)
  zofo_add_headers(cuda PUBLIC ${ZOFO_CUDA_MODULES})
  target_include_directories(zofo_cuda PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(zofo_cuda PUBLIC zofo_llm CUDA::cudart CUDA::cublasLt)
endif()
