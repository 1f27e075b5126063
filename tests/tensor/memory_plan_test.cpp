/// @file The memory plan: sums, its table and its refusal.
#include "zofo/tensor/memory_plan.hpp"

#include "catch.hpp"

using zofo::tensor::bytes_text;
using zofo::tensor::MemoryPlan;

namespace {

constexpr std::size_t mib = std::size_t{1} << 20U, gib = std::size_t{1} << 30U;

MemoryPlan plan() {
  MemoryPlan p;
  p.add("weights", 2 * gib);
  p.add("activations", 300 * mib);
  p.add("logits", 512 * mib);
  p.add("workspace", 32 * mib);
  p.add("activations", 100 * mib);
  return p;
}

std::string refusal(const MemoryPlan& p, std::size_t free, std::size_t all) {
  try {
    p.check(free, all);
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("bytes are told in MiB, and in GiB from one on", "[tensor]") {
  CHECK(bytes_text(0) == "0.0 MiB");
  CHECK(bytes_text(mib / 2) == "0.5 MiB");
  CHECK(bytes_text(gib) == "1.00 GiB");
  CHECK(bytes_text(3 * gib + gib / 4) == "3.25 GiB");
}

TEST_CASE("a memory plan adds its entries up, those of one name together", "[tensor]") {
  CHECK(MemoryPlan().total() == 0);
  CHECK(plan().total() == 2 * gib + 944 * mib);
  CHECK(plan().table() ==
        "weights         2.00 GiB\n"
        "activations    400.0 MiB\n"
        "logits         512.0 MiB\n"
        "workspace       32.0 MiB\n"
        "total           2.92 GiB\n");
}

TEST_CASE("a memory plan that fits passes, to the last byte", "[tensor]") {
  CHECK_NOTHROW(plan().check(plan().total(), 80 * gib));
  CHECK_NOTHROW(MemoryPlan().check(0, 0));
  CHECK_THROWS_AS(plan().check(plan().total() - 1, 80 * gib), zofo::Error);
}

TEST_CASE("a memory plan that does not fit names its largest entries and what to change", "[tensor]") {
  const std::string message = refusal(plan(), gib, 4 * gib);
  CHECK(message.find("needs 2.92 GiB, but only 1.00 GiB of the device's 4.00 GiB are free") !=
        std::string::npos);
  CHECK(message.find("Largest entries: weights 2.00 GiB, logits 512.0 MiB, activations 400.0 MiB. ") !=
        std::string::npos);
  for (const char* way : {"sequences", "gradient checkpointing", "probes", "bf16"})
    CHECK(message.find(way) != std::string::npos);
}
