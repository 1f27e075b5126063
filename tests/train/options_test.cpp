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
  written.zo_learning_rate = 1e-7 / 3.0;
  written.forward_difference = true;
  written.seed = 1234567890123ULL;
  written.lora_target_modules = "q_proj,\"odd\"";
  written.template_name = "\nan '''odd'''\t\\one\x7F";
  const File file(llm::to_toml(written));
  RunOptions read;
  llm::read_toml(read, file.path);
  CHECK(llm::to_toml(read) == llm::to_toml(written));
  CHECK(read.zo_learning_rate == written.zo_learning_rate);
  CHECK(read.lora_target_modules == written.lora_target_modules);
  CHECK(read.template_name == written.template_name);
}

TEST_CASE("a bad options file names file, line and field", "[train]") {
  RunOptions options;
  const auto said = [&](const std::string& text) {
    const File file(text);
    return message([&] { llm::read_toml(options, file.path); });
  };
  CHECK(said("batch_size = 4\nbogus = 1\n").find(".toml:2: bogus") != std::string::npos);
  CHECK(said("batch_size = \"four\"\n").find(".toml:1: batch_size: must be an integer") != std::string::npos);
  CHECK(said("batch_size = -1\n").find("batch_size = -1") != std::string::npos);
  CHECK(said("batch_size = \n").find(".toml:1") != std::string::npos);
  CHECK(said("method = \"magic\"\n").find("method = \"magic\": must be one of bilevel") != std::string::npos);
  CHECK(message([&] { llm::read_toml(options, "/no/such.toml"); }).find("/no/such.toml") !=
        std::string::npos);
}

TEST_CASE("check names the field out of range", "[train]") {
  const auto said = [](auto change) {
    RunOptions options;
    options.max_steps = 1;
    change(options);
    return message([&] { options.check(); });
  };
  CHECK(said([](RunOptions&) {}).empty());
  CHECK(said([](RunOptions& o) { o.inner_steps = 0; }).starts_with("inner_steps = 0"));
  CHECK(said([](RunOptions& o) {
          o.lower_learning_rate = std::numeric_limits<double>::quiet_NaN();
        }).starts_with("lower_learning_rate = nan"));
  CHECK(said([](RunOptions& o) { o.zo_eps = 0.0; }).starts_with("zo_eps = 0"));
  CHECK(said([](RunOptions& o) {
          o.max_steps = 0;
        }).starts_with("epochs = 0, max_steps = 0, max_seconds = 0 and max_forward_passes = 0: "));
  CHECK(message([] { static_cast<void>(llm::enum_from<Method>("method", "magic")); }) ==
        "method = \"magic\": must be one of bilevel, bilevel-prefix, bilevel-prompt, lora, prefix, prompt, "
        "mezo, mezo-lora, mezo-prefix, mezo-prompt, mezo-adam, lozo, sparse, mezo-svrg, fzoo, frozen, "
        "random-sign, joint-lora, joint-mezo, none");
}

namespace {

const std::string accepted = " (the old name is accepted in this release)";

// A value that the option takes and that is not its default, as TOML writes it.
std::string other_value(std::string_view option) {
  std::string text;
  const RunOptions usual;
  for_each_option(usual, [&]<class T>(const char* name, const T& value, const char*) {
    if (option != name) return;
    if constexpr (std::is_same_v<T, bool>)
      text = value ? "false" : "true";
    else if constexpr (std::is_same_v<T, std::string>)
      text = "'k_proj'";
    else if constexpr (llm::NamedEnum<T>)
      text = fmt::format("'{}'", llm::enum_names<T>.back());
    else if constexpr (std::is_floating_point_v<T>)
      text = "0.625";
    else
      text = "3";
  });
  return text;
}

}  // namespace

TEST_CASE("an option by its old name is the option, with a hint", "[train]") {
  for (const llm::RenamedOption& each : llm::renamed_options) {
    INFO(each.old_name);
    const std::string value = other_value(each.name);
    REQUIRE(!value.empty());
    RunOptions by_old, by_name;
    llm::Hints hints, none;
    parse_toml(by_old, fmt::format("\n{} = {}\n", each.old_name, value), "a.toml", &hints);
    parse_toml(by_name, fmt::format("{} = {}\n", each.name, value), "a.toml", &none);
    CHECK(llm::to_toml(by_old) == llm::to_toml(by_name));
    CHECK(llm::to_toml(by_old) != llm::to_toml(RunOptions()));
    CHECK(hints ==
          llm::Hints{fmt::format("a.toml:2: {}: renamed to {}{}", each.old_name, each.name, accepted)});
    CHECK(none.empty());
    const std::string both = fmt::format("{} = {}\n{} = {}\n", each.old_name, value, each.name, value);
    const std::string refusal = message([&] { parse_toml(by_old, both, "a.toml"); });
    CHECK(refusal.find(fmt::format("a.toml:1: {}: the old name of {}, which is given too", each.old_name,
                                   each.name)) != std::string::npos);
    CHECK(llm::to_toml(by_old).find(fmt::format("\n{} = ", each.old_name)) == std::string::npos);
  }
}

TEST_CASE("a value by its old name is the value, with a hint", "[train]") {
  for (const llm::RenamedValue& each : llm::renamed_values) {
    INFO(each.old_value);
    RunOptions by_old, by_name;
    llm::Hints hints;
    parse_toml(by_old, fmt::format("{} = '{}'\n", each.option, each.old_value), "a.toml", &hints);
    parse_toml(by_name, fmt::format("{} = '{}'\n", each.option, each.value), "a.toml");
    CHECK(llm::to_toml(by_old) == llm::to_toml(by_name));
    CHECK(hints == llm::Hints{fmt::format("a.toml:1: {} = \"{}\": renamed to \"{}\"{}", each.option,
                                          each.old_value, each.value, accepted)});
  }
}

TEST_CASE("no name of an option is an old name too", "[train]") {
  const RunOptions options;
  for_each_option(options, [](const char* name, const auto&, const char* help) {
    CHECK(llm::current_option(name) == name);
    CHECK(std::string_view(help).size() > 10);
  });
  CHECK(llm::current_option("colour") == "colour");
  CHECK(llm::old_option("max_steps") == "steps");
  CHECK(llm::old_option("inner_steps").empty());
}

TEST_CASE("target modules have one spelling", "[train]") {
  CHECK(llm::target_modules("q,v") == "q_proj,v_proj");
  CHECK(llm::target_modules("q_proj,gate") == "q_proj,gate_proj");
  CHECK(llm::target_modules("q,,x,") == "q_proj,,x,");
  CHECK(llm::target_modules("").empty());
  RunOptions options;
  parse_toml(options, "lora_targets = 'q,v'", "a.toml");
  CHECK(options.lora_target_modules == RunOptions().lora_target_modules);
}
