/// @file Options of a fine-tuning run: one list of fields serves checking, TOML and the command line.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/input/toml.hpp"

namespace zofo::tune {

/// How a run trains. `steps` and `seconds` both bound it; 0 leaves one of them open.
struct Options {
  std::string method = "bilevel";
  std::uint32_t inner_steps = 4;
  double penalty = 10.0;
  double epsilon = 1e-3;
  std::uint32_t queries = 1;
  bool one_sided = false;
  bool upper_with_lower = true;
  std::string direction = "gaussian";
  double lower_rate = 2e-3;
  double upper_rate = 2e-3;
  double theta_rate = 1e-6;
  std::uint32_t batch = 8;
  std::uint32_t steps = 0;
  double seconds = 0.0;
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  std::uint32_t train_rows = 0;
  std::uint32_t validation_rows = 0;
  std::string template_name;  ///< of the task; "": its first
  std::uint32_t shots = 0;
  std::uint32_t demonstrations = 0;
  std::uint32_t curve_points = 6;
  std::uint32_t curve_rows = 96;
  std::uint64_t seed = 0;
  std::string device = "auto";
  std::string precision = "auto";
  bool deterministic = false;
  bool recompute = false;

  /// Throws Error naming the first field that is out of range, its value and what is allowed.
  void check() const;
};

/// Calls visit(name, field, help) for every option; the command line turns '_' into '-'.
template <class AnyOptions, class Visit>
void for_each_option(AnyOptions& o, Visit&& visit) {
  visit("method", o.method,
        "bilevel, lora (first-order adapter alone) or mezo (zeroth-order backbone alone)");
  visit("inner_steps", o.inner_steps, "T: adapter steps of an outer step");
  visit("penalty", o.penalty, "lambda: weight of G(p) - G(s)");
  visit("epsilon", o.epsilon, "smoothing radius of the zeroth-order estimate");
  visit("queries", o.queries, "q: directions averaged by an estimate");
  visit("one_sided", o.one_sided, "one-sided differences instead of two-sided");
  visit("upper_with_lower", o.upper_with_lower, "step p with every s step; off: once an outer step");
  visit("direction", o.direction, "law of the directions: gaussian or rademacher");
  visit("lower_rate", o.lower_rate, "learning rate of the lower adapter s (Adam); also of lora");
  visit("upper_rate", o.upper_rate, "learning rate of the upper adapter p (Adam)");
  visit("theta_rate", o.theta_rate, "learning rate of the backbone (zeroth-order SGD)");
  visit("batch", o.batch, "rows of a mini-batch");
  visit("steps", o.steps, "outer steps, 0: bounded by seconds alone");
  visit("seconds", o.seconds, "training seconds, 0: bounded by steps alone");
  visit("lora_rank", o.lora_rank, "rank of the adapters");
  visit("lora_alpha", o.lora_alpha, "LoRA scale is alpha / rank");
  visit("lora_targets", o.lora_targets, "adapted projections, separated by commas: q,k,v,o,gate,up,down");
  visit("train_rows", o.train_rows, "use that many training rows, 0: all");
  visit("validation_rows", o.validation_rows, "score that many held-out rows, 0: all");
  visit("template", o.template_name, "which of the task's templates words the prompts, empty: the first");
  visit("shots", o.shots, "train on that many rows of each class, drawn by the seed, 0: all");
  visit("demonstrations", o.demonstrations, "solved training rows put before every prompt");
  visit("curve_points", o.curve_points, "learning-curve points taken during training, 0: none");
  visit("curve_rows", o.curve_rows, "held-out rows of a learning-curve point");
  visit("seed", o.seed, "seed of directions, batches, split and adapters");
  visit("device", o.device, "auto (a GPU if there is one), cpu or cuda");
  visit("precision", o.precision, "auto (bf16 on a GPU, fp32 on the CPU), bf16 or fp32");
  visit("recompute", o.recompute,
        "recompute activations for the adapters' gradients instead of keeping them: less memory, more time");
  visit("deterministic", o.deterministic,
        "the same bits in every run on the same GPU, at some cost in speed");
}

namespace detail {

inline void one_of(const char* field, std::string_view value,
                   std::initializer_list<std::string_view> allowed) {
  std::string list;
  for (std::string_view each : allowed) {
    if (value == each) return;
    list.append(list.empty() ? "" : ", ").append(each);
  }
  fail("{} = \"{}\": must be one of {}", field, value, list);
}

inline void above_zero(const char* field, double value, double high) {
  require(std::isfinite(value) && value > 0.0 && value <= high, "{} = {}: must be a finite number in (0, {}]",
          field, value, high);
}

inline void count_in(const char* field, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  require(value >= low && value <= high, "{} = {}: must be in [{}, {}]", field, value, low, high);
}

}  // namespace detail

inline void Options::check() const {
  detail::one_of("method", method, {"bilevel", "lora", "mezo"});
  detail::one_of("direction", direction, {"gaussian", "rademacher"});
  detail::one_of("device", device, {"auto", "cpu", "cuda"});
  detail::one_of("precision", precision, {"auto", "bf16", "fp32"});
  require(device != "cpu" || precision != "bf16", "precision = \"bf16\": the CPU computes in fp32 alone");
  detail::count_in("inner_steps", inner_steps, 1, 1'000'000);
  require_in("penalty", penalty, 0.0, 1e9);
  detail::above_zero("epsilon", epsilon, 1.0);
  detail::count_in("queries", queries, 1, 4096);
  require_in("lower_rate", lower_rate, 0.0, 10.0);
  require_in("upper_rate", upper_rate, 0.0, 10.0);
  require_in("theta_rate", theta_rate, 0.0, 10.0);
  detail::count_in("batch", batch, 1, 65536);
  require_in("seconds", seconds, 0.0, 1e9);
  require(steps > 0 || seconds > 0.0, "steps = 0 and seconds = 0: at least one must be positive");
  detail::count_in("lora_rank", lora_rank, 1, 4096);
  detail::above_zero("lora_alpha", lora_alpha, 1e6);
  require(!lora_targets.empty(), "lora_targets = \"\": must name at least one projection");
  detail::count_in("shots", shots, 0, 1'000'000);
  detail::count_in("demonstrations", demonstrations, 0, 4096);
  detail::count_in("curve_rows", curve_rows, 1, 1'000'000);
  detail::count_in("seed", seed, 0, std::numeric_limits<std::int64_t>::max());
}

/// "q,v" as {"q", "v"}.
inline std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

namespace detail {

/// A string as TOML writes it. toml++ 3.3 puts what has a newline between three quotes, even where three are
/// in it.
inline std::string toml_quoted(std::string_view text) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::ranges::none_of(text, is_control) && text.find('\'') == std::string_view::npos)
    return fmt::format("'{}'", text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (is_control(c))
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
    else
      quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
  }
  return quoted + "\"";
}

/// A value as TOML writes it; numbers in the fewest digits that read back to the same number.
template <class T>
std::string toml_text(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return toml_quoted(value);
  } else {
    std::string text = fmt::format("{}", value);
    const bool needs_point = std::is_floating_point_v<T> && text.find_first_of(".en") == std::string::npos;
    return needs_point ? text + ".0" : text;
  }
}

}  // namespace detail

/// The options as TOML, one line a field, in the order of the list.
inline std::string to_toml(const Options& options) {
  std::string out;
  for_each_option(options, [&out](const char* name, const auto& value, const char*) {
    out += fmt::format("{} = {}\n", name, detail::toml_text(value));
  });
  return out;
}

namespace detail {

template <class T>
void read_field(T& field, const toml::node& node, const std::string& where) {
  if constexpr (std::is_same_v<T, bool>) {
    require(node.is_boolean(), "{}: must be true or false", where);
    field = *node.value<bool>();
  } else if constexpr (std::is_same_v<T, std::string>) {
    require(node.is_string(), "{}: must be a string", where);
    field = *node.value<std::string>();
  } else if constexpr (std::is_floating_point_v<T>) {
    require(node.is_number(), "{}: must be a number", where);
    field = *node.value<double>();
  } else {
    require(node.is_integer(), "{}: must be an integer", where);
    const std::int64_t value = *node.value<std::int64_t>();
    require(value >= 0 && static_cast<std::uint64_t>(value) <= std::numeric_limits<T>::max(),
            "{} = {}: must be in [0, {}]", where, value, std::numeric_limits<T>::max());
    field = static_cast<T>(value);
  }
}

}  // namespace detail

/// Overwrites the fields that the TOML file names. Throws Error (file, line, field) on a syntax error, an
/// unknown field or a wrong type.
inline void read_toml(Options& options, const std::filesystem::path& path) {
  const toml::table table = input::read_toml(path);
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    const std::string where = fmt::format("{}:{}: {}", path.string(), node.source().begin.line, name);
    bool known = false;
    for_each_option(options, [&, &value = node](const char* field, auto& target, const char*) {
      if (name != field) return;
      known = true;
      detail::read_field(target, value, where);
    });
    require(known, "{}: no such option", where);
  }
}

}  // namespace zofo::tune
