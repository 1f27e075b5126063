# Run by cpack before it packs. `native`, `sanitize`, `cuda` and `shared` are the build's ZOFO_NATIVE, ZOFO_SANITIZE,
# ZOFO_CUDA and BUILD_SHARED_LIBS.
# tests/packaging packs any build to check the rest (cpack -D CPACK_ZOFO_TEST=ON).
if(sanitize)
  message(FATAL_ERROR "ZOFO_SANITIZE=${sanitize}: a package must be built without sanitizers")
endif()
if(shared AND CPACK_GENERATOR STREQUAL "DEB")
  message(FATAL_ERROR "BUILD_SHARED_LIBS=ON: the Debian packages hold a program without shared libraries of zofo; "
                      "configure with -DBUILD_SHARED_LIBS=OFF")
endif()
if(CPACK_ZOFO_TEST)
  return()
endif()
if(native)
  message(FATAL_ERROR "ZOFO_NATIVE=ON: the program runs on processors like this one only; configure with "
                      "-DZOFO_NATIVE=OFF (cmake --preset package)")
endif()
if(cuda AND CPACK_GENERATOR STREQUAL "DEB")
  message(FATAL_ERROR "ZOFO_CUDA=ON: no Debian package provides the CUDA libraries that it needs; configure with "
                      "-DZOFO_CUDA=OFF, or pack an archive (cpack -G TGZ)")
endif()
