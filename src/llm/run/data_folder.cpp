#include "zofo/run/data_folder.hpp"

#include <cstdlib>
#include <string>
#include <system_error>

#include "zofo/core/error.hpp"

// CMAKE_INSTALL_DATADIR/zofo relative to CMAKE_INSTALL_BINDIR.
#ifndef ZOFO_DATA_FROM_PROGRAM
#error "the build defines ZOFO_DATA_FROM_PROGRAM, for example \"../share/zofo\""
#endif

namespace zofo::llm {
namespace {

namespace fs = std::filesystem;

bool exists(const fs::path& path) {
  std::error_code unreadable;  // counts as missing: the message names the path
  return fs::exists(path, unreadable);
}

}  // namespace

fs::path program_folder() {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  require(!error, "/proc/self/exe: cannot read the path of this program: {}", error.message());
  return program.parent_path();
}

fs::path find_data(const InstalledData& data, const fs::path& program_folder) {
  std::string searched;
  if (data.flag != nullptr) searched = fmt::format("{} (not given), ", data.flag);
  if (const char* value = std::getenv(data.variable); value != nullptr && *value != '\0') {
    require(exists(value), "{}: not found: ${} = '{}' does not exist", data.title, data.variable, value);
    return value;
  }
  searched += fmt::format("${} (not set)", data.variable);
  // A build tree always has the second layout; CMAKE_INSTALL_DATADIR changes only the first.
  for (const char* share : {ZOFO_DATA_FROM_PROGRAM, "../share/zofo"}) {
    const fs::path path = (program_folder / share / data.name).lexically_normal();
    if (exists(path)) return fs::canonical(path);
    if (!searched.ends_with(path.string() + " (does not exist)"))
      searched += fmt::format(", {} (does not exist)", path.string());
  }
  fail("{}: not found; searched: {}", data.title, searched);
}

fs::path find_data(const InstalledData& data) { return find_data(data, program_folder()); }

}  // namespace zofo::llm
