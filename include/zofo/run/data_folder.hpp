/// @file Finding the files that are installed with the program: task definitions and scripts.
#pragma once

#include <filesystem>
#include <string>

namespace zofo::llm {

/// A file or folder that is installed in share/zofo.
struct InstalledData {
  const char* title;     ///< for messages: "the task definitions"
  const char* name;      ///< relative to share/zofo: "tasks"
  const char* variable;  ///< environment variable that overrides the search: "ZOFO_TASKS"
  const char* flag;      ///< the program's flag for it, for messages; nullptr: it has none
};

/// The folder of the task definitions.
inline constexpr InstalledData task_definitions{"the task definitions", "tasks", "ZOFO_TASKS", "--tasks"};
/// The script of `zofo compare` that makes report.html.
inline constexpr InstalledData report_script{"the script that makes report.html", "scripts/compare_report.py",
                                             "ZOFO_COMPARE_REPORT", nullptr};
/// The script that downloads a model and data for the demo.
inline constexpr InstalledData fetch_script{"the script that downloads a model and data", "scripts/fetch.py",
                                            "ZOFO_FETCH", nullptr};

/// The path of `data`: the environment variable if it is set and not empty; else NAME in
/// share/zofo relative to `program_folder`, the folder of the executable (bin/../share/zofo/NAME). A build
/// tree holds links to the source tree there, so no path of the source tree is compiled in.
/// Throws Error that names all places searched; a variable that names a missing path is an error too.
[[nodiscard]] std::filesystem::path find_data(const InstalledData& data,
                                              const std::filesystem::path& program_folder);

/// find_data() for the running program.
[[nodiscard]] std::filesystem::path find_data(const InstalledData& data);

/// The folder of the running executable, symbolic links resolved.
[[nodiscard]] std::filesystem::path program_folder();

}  // namespace zofo::llm
