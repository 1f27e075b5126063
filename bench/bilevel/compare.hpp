/// @file Compares all methods on one problem: a search for each step size on separate seeds, then the runs.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bilevel/cases.hpp"
#include "bilevel/methods.hpp"
#include "bilevel/recorder.hpp"

namespace zofo::bench {

/// The number of runs and their length.
struct Effort {
  std::uint32_t seeds = 20;                      ///< reported runs, with the seeds 1, 2, …
  std::uint32_t search_seeds = 5;                ///< runs of the search, with the seeds 1001, 1002, …
  double budget_share = 1.0;                     ///< factor of each problem's budget
  std::vector<int> powers{-6, -4, -2, 0, 2, 4};  ///< rates are 2^power units; then best ± 1
  int beyond = 8;  ///< how far past an end of the list powers are tried while the best is at that end
};

/// Quartiles with linear interpolation; kNever if a quartile includes a run that never reached the target.
[[nodiscard]] inline std::array<double, 3> quartiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    const double position = share * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(std::floor(position));
    const double part = position - std::floor(position);
    if (part == 0.0) return values[low];
    return values[low + 1] == kNever ? kNever : values[low] + part * (values[low + 1] - values[low]);
  };
  return {at(0.25), at(0.5), at(0.75)};
}

namespace detail {

using nlohmann::json;

inline json number_or_null(double x) { return std::isfinite(x) ? json(x) : json(nullptr); }
inline json numbers(const std::vector<double>& list) {
  json out = json::array();
  for (const double x : list)
    out.push_back(std::isfinite(x) ? json(std::stod(fmt::format("{:.5g}", x))) : json(nullptr));
  return out;
}

/// f(i) for i = 0 … n−1 on all cores; rethrows the first exception.
template <class F>
void in_parallel(std::size_t n, F&& f) {
  std::exception_ptr thrown;
#pragma omp parallel for schedule(dynamic, 1)
  for (std::size_t i = 0; i < n; ++i) {
    try {
      f(i);
    } catch (...) {
#pragma omp critical(zofo_bench_bilevel)
      if (!thrown) thrown = std::current_exception();
    }
  }
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace detail

/// The comparison on one problem.
class Comparison {
 public:
  Comparison(const Case& problem, const TextData* text, const Effort& effort)
      : case_(problem), effort_(effort), settings_(problem.settings) {
    settings_.budget = std::round(settings_.budget * effort.budget_share);
    grid_ = evaluation_grid(settings_.budget);
    instances_.resize(effort.seeds + effort.search_seeds);
    detail::in_parallel(instances_.size(), [&](std::size_t i) {
      instances_[i] = case_.make(seed_of(i), text);
      instances_[i].finish();
    });
  }

  /// Settings, and for each of the methods its rate, hits, quartiles, curve and extras.
  [[nodiscard]] nlohmann::json run(const std::vector<std::string>& methods) {
    const Instance& first = instances_.front();
    nlohmann::json result{
        {"name", settings_.name},           {"title", settings_.title},
        {"citation", settings_.citation},   {"measured_by", settings_.by_gradient ? "gradient" : "gap"},
        {"target", settings_.target},       {"budget", settings_.budget},
        {"penalty", settings_.penalty},     {"inner_steps", settings_.inner_steps},
        {"theta_size", first.theta.size()}, {"adapter_size", first.p.size()},
        {"real_data", case_.text},          {"evaluations", grid_}};
    if (first.extras) result["extras_at_start"] = median_extras([](const Instance& i) { return i.theta; });
    for (const std::string& method : methods) {
      result["methods"].push_back(one(method));
      fmt::print(stderr, "{:>20} {:<20} {}\n", settings_.name, method, summary(result["methods"].back()));
    }
    return result;
  }

 private:
  struct Outcome {
    double hit = kNever, last = kNever;
    std::vector<double> curve;
    Vector theta;
  };
  struct Score {
    double hit = kNever, last = kNever;
    [[nodiscard]] bool better_than(const Score& other) const {
      return hit < other.hit || (hit == other.hit && last < other.last);
    }
  };

  [[nodiscard]] std::uint64_t seed_of(std::size_t i) const {
    return i < effort_.seeds ? i + 1 : 1001 + (i - effort_.seeds);
  }
  [[nodiscard]] Outcome single(const std::string& method, double power, std::size_t i, bool search) const {
    Recorder recorder(grid_, settings_.target, 1.0, search);
    const Instance& instance = instances_[i];
    Outcome outcome;
    outcome.theta = run_method(
        method, {instance, settings_, instance.rate_unit * std::pow(2.0, power), seed_of(i)}, recorder);
    outcome.hit = recorder.hit();
    outcome.last = recorder.last();
    outcome.curve = recorder.curve();
    return outcome;
  }
  // The worst of the search seeds, because a rate near the stability limit may do well on some seeds.
  [[nodiscard]] Score score(const std::string& method, int power) const {
    std::vector<double> hits(effort_.search_seeds), lasts(hits);
    detail::in_parallel(hits.size(), [&](std::size_t k) {
      const Outcome outcome = single(method, power, effort_.seeds + k, true);
      hits[k] = outcome.hit;
      lasts[k] = outcome.last;
    });
    return {*std::max_element(hits.begin(), hits.end()), *std::max_element(lasts.begin(), lasts.end())};
  }
  // The power of the best rate; the grid is extended while the best rate is at an end.
  [[nodiscard]] std::pair<int, bool> search(const std::string& method) const {
    std::map<int, Score> tried;
    int best = effort_.powers.front();
    const auto attempt = [&](int power) {
      tried[power] = score(method, power);
      const bool both_diverged = tried[power].last == kNever && tried[best].last == kNever;
      if (tried[power].better_than(tried[best]) || (both_diverged && power < best)) best = power;
    };
    for (const int power : effort_.powers) attempt(power);
    const int low = tried.begin()->first - effort_.beyond, high = tried.rbegin()->first + effort_.beyond;
    const int step = effort_.powers[1] - effort_.powers[0];
    while (best == tried.rbegin()->first && best < high) attempt(best + step);
    while (best == tried.begin()->first && best > low) attempt(best - step);
    const bool at_end = best == tried.begin()->first || best == tried.rbegin()->first;
    for (const int power : {best - step / 2, best + step / 2}) attempt(power);
    return {best, at_end};
  }

  [[nodiscard]] nlohmann::json one(const std::string& method) const {
    const auto [power, edge] = search(method);
    std::vector<Outcome> outcomes(effort_.seeds);
    detail::in_parallel(outcomes.size(),
                        [&, p = power](std::size_t i) { outcomes[i] = single(method, p, i, false); });

    std::vector<double> hits, lasts;
    for (const Outcome& outcome : outcomes) {
      hits.push_back(outcome.hit);
      lasts.push_back(outcome.last);
    }
    const auto reached = std::count_if(hits.begin(), hits.end(), [](double hit) { return hit != kNever; });
    nlohmann::json result{{"name", method},     {"rate_power", power},   {"rate_at_end_of_grid", edge},
                          {"reached", reached}, {"runs", effort_.seeds}, {"hits", detail::numbers(hits)}};
    const auto hit = quartiles(hits), last = quartiles(lasts);
    result["quartiles"] = detail::numbers({hit.begin(), hit.end()});
    result["final"] = detail::numbers({last.begin(), last.end()});
    std::array<std::vector<double>, 3> bands;
    for (std::size_t g = 0; g < grid_.size(); ++g) {
      std::vector<double> column;
      for (const Outcome& outcome : outcomes) column.push_back(outcome.curve[g]);
      const auto q = quartiles(column);
      for (std::size_t k = 0; k < 3; ++k) bands[k].push_back(q[k]);
    }
    for (std::size_t k = 0; k < 3; ++k)
      result["curve"][std::array{"lower", "median", "upper"}[k]] = detail::numbers(bands[k]);
    std::size_t i = 0;
    if (instances_.front().extras)
      result["extras"] = median_extras([&](const Instance&) -> const Vector& { return outcomes[i++].theta; });
    return result;
  }
  template <class ThetaOf>
  [[nodiscard]] nlohmann::json median_extras(ThetaOf&& theta_of) const {
    std::map<std::string, std::vector<double>> all;
    for (std::size_t i = 0; i < effort_.seeds; ++i) {
      const Vector theta = theta_of(instances_[i]);
      if (!theta.allFinite()) continue;
      for (const auto& [name, value] : instances_[i].extras(theta)) all[name].push_back(value);
    }
    nlohmann::json result = nlohmann::json::object();
    for (auto& [name, values] : all) {
      const auto q = quartiles(values);
      result[name] = detail::numbers({q.begin(), q.end()});
    }
    return result;
  }
  [[nodiscard]] std::string summary(const nlohmann::json& method) const {
    const auto& median = method["quartiles"][1];
    const std::string reached = median.is_null() ? fmt::format("not reached in {:.0f}", settings_.budget)
                                                 : fmt::format("{:.0f}", median.get<double>());
    return fmt::format("{:<24} ({} of {} runs; rate 2^{}{})", reached, method["reached"].get<int>(),
                       method["runs"].get<int>(), method["rate_power"].get<int>(),
                       method["rate_at_end_of_grid"].get<bool>() ? ", at an end of the grid" : "");
  }

  const Case& case_;
  Effort effort_;
  CaseSettings settings_;
  std::vector<double> grid_;
  std::vector<Instance> instances_;
};

}  // namespace zofo::bench
