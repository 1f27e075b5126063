/// @file safetensors: tensors fill the file, values read or are refused, and what is written again reads the
/// same bits. An input that begins with a brace is the index of a folder of shards.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/checkpoint/safetensors_index.hpp"
#include "zofo/checkpoint/safetensors_writer.hpp"

using namespace zofo::checkpoint;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

void write(const std::filesystem::path& path, const std::vector<SafetensorsSpec>& specs,
           const std::vector<std::vector<float>>& values) {
  SafetensorsWriter writer(path, specs, SafetensorsType::F32);
  for (std::size_t i = 0; i < specs.size(); ++i) writer.tensor(specs[i].name, values[i]);
  writer.finish();
}

/// Two shards with a tensor each, which indices name.
const zofo::fuzz::ScratchFolder& folder() {
  static const zofo::fuzz::ScratchFolder scratch;
  static const bool written = [] {
    for (const char* name : {"a", "b"})
      write(scratch.path() / (std::string(name) + ".safetensors"), {{name, {2}}}, {{1, 2}});
    return true;
  }();
  demand(written, "the shards are there");
  return scratch;
}

void read_index(std::string_view text) {
  folder().write("model.safetensors.index.json", text);
  const SafetensorsFolder shards(folder().path());
  for (const std::string& name : shards.tensor_names()) {
    std::vector<float> values(2);
    shards.read(name, values);
    demand(values[1] == 2, "an index leads to its tensor");
  }
}

/// The values of every tensor; nothing when one is of a type that is not read.
std::vector<std::vector<float>> read_all(const SafetensorsFile& file, std::size_t size) {
  std::vector<std::vector<float>> values;
  std::uint64_t end = 0;
  bool readable = true;
  for (const SafetensorsEntry& entry : file.tensors()) {
    demand(entry.begin == end && entry.end >= entry.begin && entry.end < size,
           "tensors lie one behind the other");
    end = entry.end;
    const bool floats = entry.dtype == "F32" || entry.dtype == "F16" || entry.dtype == "BF16";
    values.emplace_back(floats ? entry.elements : 0);
    const bool read = accepts([&] { file.read(entry.name, values.back()); });
    demand(read == floats, "floats are read, and nothing else");
    readable = readable && read;
  }
  if (!readable) values.clear();
  return values;
}

void write_again(const SafetensorsFile& file, const std::vector<std::vector<float>>& values) {
  std::vector<SafetensorsSpec> specs;
  for (const SafetensorsEntry& entry : file.tensors()) specs.push_back({entry.name, entry.shape});
  const auto path = folder().path() / "again.safetensors";
  write(path, specs, values);
  const SafetensorsFile again(path);
  demand(again.tensors().size() == specs.size(), "every tensor is written");
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const SafetensorsEntry& entry = again.tensor(specs[i].name);
    std::vector<float> read(entry.elements);
    again.read(entry.name, read);
    demand(entry.shape == specs[i].shape &&
               std::ranges::equal(std::as_bytes(std::span(read)), std::as_bytes(std::span(values[i]))),
           "what is written reads the same");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  accepts([&] {
    if (size > 0 && data[0] == '{') return read_index(zofo::fuzz::as_text(data, size));
    const SafetensorsFile file(zofo::fuzz::as_bytes(data, size), "input");
    const auto values = read_all(file, size);
    if (!values.empty()) demand(accepts([&] { write_again(file, values); }), "what was read can be written");
  });
  return 0;
}
