# The program looks for its data in share/zofo next to its own folder (include/zofo/run/data_folder.hpp). In a build tree
# links lead from there to the source tree.
if(TARGET zofo_program)
  get_target_property(program_folder zofo_program RUNTIME_OUTPUT_DIRECTORY)
  if(NOT program_folder)
    get_target_property(program_folder zofo_program BINARY_DIR)
  endif()
  get_filename_component(share "${program_folder}/../share/zofo" ABSOLUTE)
  file(MAKE_DIRECTORY "${share}")
  foreach(folder tasks scripts measured)
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/${folder}" "${share}/${folder}" SYMBOLIC)
  endforeach()
endif()
