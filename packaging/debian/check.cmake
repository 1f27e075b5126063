# Run by cpack before it packs. `native` and `sanitize` are the build's ZOFO_NATIVE and ZOFO_SANITIZE.
if(native)
  message(FATAL_ERROR "ZOFO_NATIVE=ON: the program runs on processors like this one only; configure with "
                      "-DZOFO_NATIVE=OFF (cmake --preset package)")
endif()
if(sanitize)
  message(FATAL_ERROR "ZOFO_SANITIZE=${sanitize}: a package must be built without sanitizers")
endif()
