/// @file Runs a fuzz target once on every file of the folders named: corpus and findings as a regression
/// test.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "fuzz.hpp"

namespace {

std::vector<std::filesystem::path> files_of(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

void run(const std::filesystem::path& file) {
  std::printf("%s\n", file.c_str());  // the last one named is the one that ends the program
  std::fflush(stdout);
  std::ifstream input(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(input), std::istreambuf_iterator<char>()};
  zofo::fuzz::demand(!input.bad(), "the file is read");
  const std::vector<std::uint8_t> exact(text.begin(), text.end());  // so that a read past the end is seen
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int count, char** arguments) {
  std::size_t done = 0;
  for (int i = 1; i < count; ++i) {
    const auto files = files_of(arguments[i]);
    std::ranges::for_each(files, run);
    done += files.size();
  }
  std::printf("%zu inputs\n", done);
  return done > 0 ? 0 : 1;
}
