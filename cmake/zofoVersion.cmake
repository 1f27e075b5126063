# include/zofo/core/version.hpp must state the version of project().
foreach(part MAJOR MINOR PATCH)
  file(STRINGS "${PROJECT_SOURCE_DIR}/include/zofo/core/version.hpp" line REGEX "^#define ZOFO_VERSION_${part} [0-9]+$")
  if(NOT line STREQUAL "#define ZOFO_VERSION_${part} ${PROJECT_VERSION_${part}}")
    message(FATAL_ERROR "include/zofo/core/version.hpp: '${line}': must be '#define ZOFO_VERSION_${part} "
                        "${PROJECT_VERSION_${part}}', the version of project() in CMakeLists.txt")
  endif()
endforeach()
# A change of the header checks it again.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/zofo/core/version.hpp")
