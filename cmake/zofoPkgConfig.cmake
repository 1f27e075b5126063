# pkg-config files with paths relative to their own folder, so that an installation can be moved. Eigen and fmt have such
# files everywhere; the flags of all other libraries are taken from the targets that CMake found.

# zofo_usage_of(TARGET CFLAGS LIBS): adds the interface flags of TARGET to the lists CFLAGS and LIBS.
function(zofo_usage_of target cflags_out libs_out)
  set(c "${${cflags_out}}")
  set(l "${${libs_out}}")
  foreach(property INTERFACE_INCLUDE_DIRECTORIES INTERFACE_COMPILE_DEFINITIONS INTERFACE_LINK_LIBRARIES
                   IMPORTED_LOCATION IMPORTED_CONFIGURATIONS)
    get_target_property(${property} ${target} ${property})
    if(NOT ${property})
      set(${property} "")
    endif()
  endforeach()
  foreach(folder IN LISTS INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_INCLUDE_DIRECTORIES AND NOT folder MATCHES "^\\$<")
      list(APPEND c "-I${folder}")
    endif()
  endforeach()
  foreach(definition IN LISTS INTERFACE_COMPILE_DEFINITIONS)
    if(NOT definition MATCHES "\\$<")
      list(APPEND c "-D${definition}")
    endif()
  endforeach()
  get_target_property(type ${target} TYPE)
  if(NOT type STREQUAL "INTERFACE_LIBRARY")
    foreach(config IN LISTS IMPORTED_CONFIGURATIONS)
      get_target_property(location ${target} IMPORTED_LOCATION_${config})
      if(location)
        set(IMPORTED_LOCATION "${location}")
        break()
      endif()
    endforeach()
    list(APPEND l "${IMPORTED_LOCATION}")
  endif()
  foreach(item IN LISTS INTERFACE_LINK_LIBRARIES)
    if(TARGET "${item}")
      zofo_usage_of("${item}" c l)
    elseif(item MATCHES "^-" OR IS_ABSOLUTE "${item}")
      list(APPEND l "${item}")
    elseif(NOT item MATCHES "\\$<")
      list(APPEND l "-l${item}")
    endif()
  endforeach()
  set(${cflags_out} "${c}" PARENT_SCOPE)
  set(${libs_out} "${l}" PARENT_SCOPE)
endfunction()

# Turns a list into a line of a .pc file: a library's path becomes -L and -l, blanks are escaped.
function(zofo_pkg_config_line out)
  set(flags "")
  foreach(flag IN LISTS ARGN)
    if(IS_ABSOLUTE "${flag}" AND flag MATCHES "^(.*)/lib([^/]+)\\.(so|a|dylib)$")
      set(name "${CMAKE_MATCH_2}")
      set(folder "${CMAKE_MATCH_1}")
      if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
        string(REPLACE " " "\\ " folder "${folder}")
        list(APPEND flags "-L${folder}")
      endif()
      list(APPEND flags "-l${name}")
    else()
      string(REPLACE " " "\\ " flag "${flag}")
      list(APPEND flags "${flag}")
    endif()
  endforeach()
  list(REMOVE_DUPLICATES flags)
  list(JOIN flags " " flags)
  set(${out} "${flags}" PARENT_SCOPE)
endfunction()

# zofo_pkg_config(NAME DESCRIPTION REQUIRES LIBRARY TARGET...): NAME.pc with the flags of the targets. LIBRARY: of zofo's
# own, or empty.
function(zofo_pkg_config name description requires library)
  set(cflags "")
  set(libs "")
  foreach(target IN LISTS ARGN)
    zofo_usage_of(${target} cflags libs)
  endforeach()
  zofo_pkg_config_line(cflags ${cflags})
  zofo_pkg_config_line(libs ${libs})
  if(library)
    string(PREPEND libs "-L\${libdir} -l${library} ")
  endif()
  if(ZOFO_DEPENDENCY_OPTIONS AND name STREQUAL "zofo")
    string(APPEND cflags " ${OpenMP_CXX_FLAGS}")
    string(APPEND libs " ${OpenMP_CXX_FLAGS}")
  endif()
  file(RELATIVE_PATH prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
  string(REGEX REPLACE "/$" "" prefix "${prefix}")
  foreach(folder LIBDIR INCLUDEDIR)
    file(RELATIVE_PATH ${folder} "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_${folder}}")
  endforeach()
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${name}.pc" @ONLY CONTENT [[prefix=${pcfiledir}/@prefix@
libdir=${prefix}/@LIBDIR@
includedir=${prefix}/@INCLUDEDIR@

Name: @name@
Description: @description@
Version: @PROJECT_VERSION@
Requires: @requires@
Cflags: -I${includedir} @cflags@
Libs: @libs@
]])
  install(FILES "${PROJECT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
endfunction()

function(zofo_install_pkg_config)
  zofo_pkg_config(zofo "${PROJECT_DESCRIPTION}: headers; compile with -std=c++20" "eigen3 >= 3.4, fmt" "")
  if(ZOFO_LLM)
    zofo_pkg_config(zofo-llm "The transformer and language-model tasks of zofo" "zofo = ${PROJECT_VERSION}" zofo_llm
                    nlohmann_json::nlohmann_json tomlplusplus::tomlplusplus zofo_pcre2::zofo_pcre2
                    zofo_utf8proc::zofo_utf8proc zofo_sentencepiece::zofo_sentencepiece zofo_blas::zofo_blas)
  endif()
  if(ZOFO_CUDA)
    zofo_pkg_config(zofo-cuda "The CUDA backend of zofo" "zofo-llm = ${PROJECT_VERSION}" zofo_cuda
                    CUDA::cublasLt CUDA::cudart)
  endif()
endfunction()
