/// @file GGUF: every value reads or is refused, tensors lie within the file and apart, and what is written
/// again reads the same.
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/checkpoint/gguf_writer.hpp"

using namespace zofo::checkpoint;
using zofo::fuzz::accepts, zofo::fuzz::demand;

namespace {

void read_values(const GgufFile& file) {
  for (const std::string& key : file.keys()) {
    const GgufRaw raw = file.raw(key);
    const int kinds = accepts([&] { (void)file.string(key); }) + accepts([&] { (void)file.boolean(key); }) +
                      accepts([&] { (void)file.number(key); });
    const int lists =
        accepts([&] { demand(file.strings(key).size() == raw.count, "all strings are read"); }) +
        accepts([&] { demand(file.floats(key).size() == raw.count, "all floats are read"); }) +
        accepts([&] { demand(file.integers(key).size() == raw.count, "all integers are read"); });
    demand(kinds <= (raw.array ? 0 : 1) && lists <= (raw.array ? 1 : 0), "a value has one type");
    if (accepts([&] { (void)file.unsigned_integer(key); })) demand(kinds == 1, "an integer is a number");
  }
}

void read_tensors(const GgufFile& file, std::size_t size) {
  std::uint64_t total = 0;
  for (const std::string& name : file.tensor_names()) {
    const TensorInfo& info = file.tensor(name);
    demand(info.offset <= size && info.bytes <= size - info.offset, "a tensor lies within the file");
    total += info.bytes;
    std::vector<float> values(info.elements);
    if (accepts([&] { file.read(name, values); }))
      demand(std::ranges::all_of(values, [](float value) { return std::isfinite(value); }),
             "what is read is finite");
  }
  demand(total <= size, "tensors lie apart");
}

std::string written_again(const GgufFile& file, std::span<const std::byte> bytes) {
  GgufWriter writer;
  for (const std::string& key : file.keys())
    if (key != "general.alignment") writer.raw(key, file.raw(key));  // the writer has its own
  for (const std::string& name : file.tensor_names()) {
    const TensorInfo& info = file.tensor(name);
    writer.tensor(name, info.shape, info.type, bytes.subspan(info.offset, info.bytes));
  }
  return writer.bytes();
}

void compare(const GgufFile& a, std::span<const std::byte> a_bytes, const GgufFile& b,
             std::span<const std::byte> b_bytes) {
  for (const std::string& key : b.keys()) {
    const GgufRaw was = a.raw(key), is = b.raw(key);
    demand(was.type == is.type && was.array == is.array && was.count == is.count &&
               std::ranges::equal(was.bytes, is.bytes),
           "a value written again reads the same");
  }
  demand(a.tensor_names() == b.tensor_names(), "tensors written again have their names and order");
  for (const std::string& name : a.tensor_names()) {
    const TensorInfo &was = a.tensor(name), &is = b.tensor(name);
    demand(
        was.shape == is.shape && was.type == is.type &&
            std::ranges::equal(a_bytes.subspan(was.offset, was.bytes), b_bytes.subspan(is.offset, is.bytes)),
        "a tensor written again reads the same");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = zofo::fuzz::as_bytes(data, size);
  accepts([&] {
    const GgufFile file(bytes, "input");
    read_values(file);
    read_tensors(file, size);
    const std::string again = written_again(file, bytes);
    const auto again_bytes = std::as_bytes(std::span(again));
    demand(accepts([&] { compare(file, bytes, GgufFile(again_bytes, "again"), again_bytes); }),
           "what is written is read");
  });
  return 0;
}
