#include "gguf_split.hpp"

#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

namespace {

constexpr std::uint64_t most_parts = 99999;  // names have five digits

std::string ending(std::uint64_t number, std::uint64_t count) {
  return fmt::format("-{:05}-of-{:05}.gguf", number + 1, count);
}

}  // namespace

GgufSplit GgufSplit::read(const GgufMetadata& metadata, const std::string& file) {
  GgufSplit split;
  if (!metadata.has("split.count")) return split;
  const std::uint64_t count = metadata.unsigned_integer("split.count");
  require(count <= most_parts, "{}: split.count = {}: must be at most {}", file, count, most_parts);
  if (count <= 1) return split;  // 0: parts that were merged
  split.count = count;
  split.number = metadata.unsigned_integer("split.no");
  require(split.number < count, "{}: split.no = {}: must be less than split.count = {}", file, split.number,
          count);
  split.tensors = metadata.unsigned_integer("split.tensors.count");
  return split;
}

std::filesystem::path split_path(const std::filesystem::path& path, std::uint64_t given, std::uint64_t number,
                                 std::uint64_t count) {
  const std::string name = path.filename().string(), end = ending(given, count);
  require(name.ends_with(end),
          "{}: is part {} of {} of a split model: its name must end in {}, so that the other parts are found",
          path.string(), given + 1, count, end);
  return path.parent_path() / (name.substr(0, name.size() - end.size()) + ending(number, count));
}

}  // namespace zofo::checkpoint
