#include "zofo/data/split_rows.hpp"

#include <algorithm>
#include <map>

#include "zofo/core/batcher.hpp"
#include "zofo/core/rng_streams.hpp"

namespace zofo::data {

SplitRows split_rows(std::span<const std::string> classes, bool test, std::uint64_t seed) {
  std::map<std::string, std::vector<std::size_t>> members;
  for (const std::size_t i : shuffled(seed, stream_number(BatchStream::file_split), 0, classes.size()))
    members[classes[i]].push_back(i);
  SplitRows split;
  for (const auto& [name, rows] : members) {
    constexpr std::size_t share = 10, least = 3;
    const std::size_t part =
        rows.size() < least ? 0 : std::max<std::size_t>(1, (rows.size() + share / 2) / share);
    for (std::size_t i = 0; i < rows.size(); ++i)
      (i < part ? split.validation : test && i < 2 * part ? split.test : split.train).push_back(rows[i]);
  }
  for (auto* part : {&split.train, &split.validation, &split.test}) std::sort(part->begin(), part->end());
  return split;
}

}  // namespace zofo::data
