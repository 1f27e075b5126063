// Compares methods on bilevel problems: `zofo_bench_bilevel --json FILE`. It counts the evaluations that each
// needs to reach a target: a value 1, a gradient 2, a product with second derivatives 4.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "bilevel/cases.hpp"
#include "bilevel/compare.hpp"
#include "bilevel/methods.hpp"

namespace {

using nlohmann::json;
namespace bench = zofo::bench;

struct Options {
  std::vector<std::string> problems{"all"}, methods{"all"};
  std::uint32_t seeds = 0;
  std::string out, data;
  bool fast = false;
};

template <class List, class NameOf>
std::vector<std::string> names_with_all(const List& list, NameOf&& name_of) {
  std::vector<std::string> names{"all"};
  for (const auto& each : list) names.emplace_back(name_of(each));
  return names;
}

bool picked(const std::vector<std::string>& wanted, std::string_view name) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const auto& w) { return w == "all" || w == name; });
}

json run(const Options& options, const std::vector<bench::Case>& cases) {
  bench::Effort effort;
  if (options.fast)
    effort = {.seeds = 5, .search_seeds = 3, .budget_share = 0.25, .powers = {-4, -2, 0, 2}, .beyond = 3};
  if (options.seeds > 0) effort.seeds = options.seeds;
  std::vector<std::string> methods;
  json result{
      {"seeds", effort.seeds},
      {"search_seeds", effort.search_seeds},
      {"fast", options.fast},
      {"cost", {{"value", 1}, {"gradient", bench::kGradient}, {"second_order_product", bench::kSecondOrder}}},
      {"methods", json::object()},
      {"problems", json::array()},
      {"skipped", json::array()}};
  for (const bench::MethodInfo& method : bench::kMethods)
    if (picked(options.methods, method.name)) {
      methods.emplace_back(method.name);
      result["methods"][std::string(method.name)] = std::string(method.what);
    }
  std::optional<bench::TextData> text;
  for (const bench::Case& each : cases) {
    const std::string& name = each.settings.name;
    if (!picked(options.problems, name)) continue;
    if (each.text && options.data.empty()) {
      fmt::print(stderr, "{}: skipped, it needs real data: set --data FOLDER (with sst2/train.jsonl)\n",
                 name);
      result["skipped"].push_back(name);
      continue;
    }
    if (each.text && !text) text = bench::TextData::read(options.data, {});
    const auto start = std::chrono::steady_clock::now();
    result["problems"].push_back(bench::Comparison(each, text ? &*text : nullptr, effort).run(methods));
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    fmt::print(stderr, "{:>20} took {:.1f} s\n", name, seconds.count());
  }
  return result;
}

int say(const char* message) {
  fmt::print(stderr, "zofo_bench_bilevel: error: {}\n", message);
  return 2;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<bench::Case> cases = bench::all_cases();
  CLI::App app{
      "Compares several methods on bilevel problems.\n"
      "Example: zofo_bench_bilevel --problem quadratic --json out.json"};
  Options options;
  app.add_option("--problem", options.problems, "problems, separated by commas, or all")
      ->delimiter(',')
      ->check(CLI::IsMember(names_with_all(cases, [](const auto& c) { return c.settings.name; })));
  app.add_option("--method", options.methods, "methods, separated by commas, or all")
      ->delimiter(',')
      ->check(
          CLI::IsMember(names_with_all(bench::kMethods, [](const auto& m) { return std::string(m.name); })));
  app.add_option("--seeds", options.seeds, "runs of each method (20; with --fast 5)")
      ->check(CLI::Range(1, 1000));
  app.add_option("--json", options.out, "file for the result; - or none: standard output");
  app.add_option("--data", options.data, "folder with sst2/train.jsonl and sst2/validation.jsonl");
  app.add_flag("--fast", options.fast,
               "a quarter of the budgets, 5 seeds, a coarse search of learning rates");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return say(error.what());
  }
  const bool to_file = !options.out.empty() && options.out != "-";
  std::ofstream file;
  if (to_file) {
    file.open(options.out);  // before the long run, so that a wrong path fails at once
    zofo::require(file.is_open(), "--json {}: cannot be written", options.out);
  }
  const std::string text = run(options, cases).dump(to_file ? 1 : -1) + "\n";
  if (to_file) {
    file << text;
    file.close();
    zofo::require(!file.fail(), "--json {}: writing failed", options.out);
  } else {
    std::fputs(text.c_str(), stdout);
  }
  return 0;
} catch (const std::exception& error) {
  return say(error.what());
}
