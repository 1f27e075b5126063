# An overlay port: it builds the source tree that holds it.
#     vcpkg install "zofo[llm]" --overlay-ports=ZOFO/packaging/vcpkg/ports
# A port of a release would replace the next line by vcpkg_from_github() or another download.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)
if(NOT EXISTS "${SOURCE_PATH}/include/zofo/core/version.hpp")
  message(FATAL_ERROR "${SOURCE_PATH}: no source tree of zofo; use this port inside one")
endif()

vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS
  FEATURES
    llm ZOFO_LLM
    cuda ZOFO_CUDA
    tools ZOFO_BUILD_EXAMPLES
)
vcpkg_cmake_configure(
  SOURCE_PATH "${SOURCE_PATH}"
  OPTIONS
    ${FEATURE_OPTIONS}
    -DZOFO_INSTALL=ON
    -DZOFO_BUILD_TESTS=OFF
    -DZOFO_BUILD_BENCH=OFF
    -DZOFO_NATIVE=OFF
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/zofo)
if(NOT "llm" IN_LIST FEATURES)  # headers alone have no folder lib
  file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/share")
  file(RENAME "${CURRENT_PACKAGES_DIR}/lib/pkgconfig" "${CURRENT_PACKAGES_DIR}/share/pkgconfig")
  file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug" "${CURRENT_PACKAGES_DIR}/lib")
endif()
vcpkg_fixup_pkgconfig()
if("tools" IN_LIST FEATURES)
  # The program finds its data in ../share/zofo from its own folder.
  vcpkg_copy_tools(TOOL_NAMES zofo DESTINATION "${CURRENT_PACKAGES_DIR}/tools/zofo/bin" AUTO_CLEAN)
  file(MAKE_DIRECTORY "${CURRENT_PACKAGES_DIR}/tools/zofo/share/zofo")
  foreach(folder tasks scripts)
    file(RENAME "${CURRENT_PACKAGES_DIR}/share/zofo/${folder}" "${CURRENT_PACKAGES_DIR}/tools/zofo/share/zofo/${folder}")
  endforeach()
endif()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
