#include "zofo/config/options_toml.hpp"

#include <unistd.h>

#include <fstream>
#include <functional>
#include <limits>

#include "catch.hpp"

using namespace zofo;
using zofo::llm::Method;
using zofo::llm::RunOptions;

namespace {

// A file that goes away.
struct File {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("zofo_options_" + std::to_string(getpid()) + ".toml");
  explicit File(const std::string& text) { std::ofstream(path) << text; }
  ~File() { std::filesystem::remove(path); }
};

std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("options written as TOML read back the same", "[train]") {
  RunOptions written;
  written.method = Method::mezo;
  written.theta_rate = 1e-7 / 3.0;
  written.one_sided = true;
  written.seed = 1234567890123ULL;
  written.lora_targets = "q,\"odd\"";
  written.template_name = "\nan '''odd'''\t\\one\x7F";
  const File file(llm::to_toml(written));
  RunOptions read;
  llm::read_toml(read, file.path);
  CHECK(llm::to_toml(read) == llm::to_toml(written));
  CHECK(read.theta_rate == written.theta_rate);
  CHECK(read.lora_targets == written.lora_targets);
  CHECK(read.template_name == written.template_name);
}

TEST_CASE("a bad options file names file, line and field", "[train]") {
  RunOptions options;
  const auto said = [&](const std::string& text) {
    const File file(text);
    return message([&] { llm::read_toml(options, file.path); });
  };
  CHECK(said("batch = 4\nbogus = 1\n").find(".toml:2: bogus") != std::string::npos);
  CHECK(said("batch = \"four\"\n").find(".toml:1: batch: must be an integer") != std::string::npos);
  CHECK(said("batch = -1\n").find("batch = -1") != std::string::npos);
  CHECK(said("batch = \n").find(".toml:1") != std::string::npos);
  CHECK(said("method = \"magic\"\n").find("method = \"magic\": must be one of bilevel") != std::string::npos);
  CHECK(message([&] { llm::read_toml(options, "/no/such.toml"); }).find("/no/such.toml") !=
        std::string::npos);
}

TEST_CASE("check names the field out of range", "[train]") {
  const auto said = [](auto change) {
    RunOptions options;
    options.steps = 1;
    change(options);
    return message([&] { options.check(); });
  };
  CHECK(said([](RunOptions&) {}).empty());
  CHECK(said([](RunOptions& o) { o.inner_steps = 0; }).starts_with("inner_steps = 0"));
  CHECK(said([](RunOptions& o) {
          o.lower_rate = std::numeric_limits<double>::quiet_NaN();
        }).starts_with("lower_rate = nan"));
  CHECK(said([](RunOptions& o) { o.epsilon = 0.0; }).starts_with("epsilon = 0"));
  CHECK(said([](RunOptions& o) { o.steps = 0; }).starts_with("steps = 0"));
  CHECK(message([] { static_cast<void>(llm::enum_from<Method>("method", "magic")); }) ==
        "method = \"magic\": must be one of bilevel, bilevel-prefix, bilevel-prompt, lora, prefix, prompt, "
        "mezo, mezo-lora, mezo-prefix, mezo-prompt, mezo-adam, lozo, sparse, mezo-svrg, fzoo, frozen, drift, "
        "joint-lora, joint-mezo, none");
}
