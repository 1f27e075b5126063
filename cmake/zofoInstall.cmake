# Rules of `cmake --install`. Two install components: `program` (the program and its data), `development` (the libraries).
include(CMakePackageConfigHelpers)
include(zofoPkgConfig)

set(zofo_config_folder "${CMAKE_INSTALL_LIBDIR}/cmake/zofo")
foreach(component IN LISTS ZOFO_INSTALLED_COMPONENTS)
  install(TARGETS zofo_${component} EXPORT zofoTargets-${component}
          FILE_SET HEADERS COMPONENT development
          ARCHIVE COMPONENT development
          LIBRARY COMPONENT development)
  install(EXPORT zofoTargets-${component} NAMESPACE zofo:: DESTINATION "${zofo_config_folder}" COMPONENT development)
endforeach()
zofo_install_pkg_config()

configure_package_config_file(cmake/zofoConfig.cmake.in "${PROJECT_BINARY_DIR}/zofoConfig.cmake"
                              INSTALL_DESTINATION "${zofo_config_folder}"
                              NO_SET_AND_CHECK_MACRO NO_CHECK_REQUIRED_COMPONENTS_MACRO)
set(any_architecture "")
if(NOT ZOFO_LLM)
  set(any_architecture ARCH_INDEPENDENT)  # only headers
endif()
write_basic_package_version_file("${PROJECT_BINARY_DIR}/zofoConfigVersion.cmake" COMPATIBILITY SameMinorVersion
                                 ${any_architecture})
install(FILES "${PROJECT_BINARY_DIR}/zofoConfig.cmake" "${PROJECT_BINARY_DIR}/zofoConfigVersion.cmake"
              cmake/zofoDependencies.cmake
        DESTINATION "${zofo_config_folder}" COMPONENT development)

if(ZOFO_LLM AND ZOFO_BUILD_EXAMPLES)
  install(DIRECTORY tasks measured DESTINATION "${CMAKE_INSTALL_DATADIR}/zofo" COMPONENT program)
  install(PROGRAMS scripts/compare_figures.py scripts/compare_report.py scripts/fetch.py scripts/make_demo_data.py
          DESTINATION "${CMAKE_INSTALL_DATADIR}/zofo/scripts" COMPONENT program)
  install(FILES scripts/fetch_models.py scripts/package_index.py
          DESTINATION "${CMAKE_INSTALL_DATADIR}/zofo/scripts" COMPONENT program)
  configure_file(packaging/zofo.1 "${PROJECT_BINARY_DIR}/zofo.1" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/zofo.1" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" COMPONENT program)
endif()
