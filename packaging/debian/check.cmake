# Run by cpack before it packs. `native`, `sanitize` and `cuda` are the build's ZOFO_NATIVE, ZOFO_SANITIZE and ZOFO_CUDA.
# tests/packaging packs any build to check the rest (cpack -D CPACK_ZOFO_TEST=ON).
if(sanitize)
  message(FATAL_ERROR "ZOFO_SANITIZE=${sanitize}: a package must be built without sanitizers")
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
