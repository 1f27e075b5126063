#include "advise_text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/tensor/memory_plan.hpp"

namespace zofo::cli {
namespace {

using nlohmann::json;

std::string bytes(std::size_t value) { return tensor::bytes_text(value); }

const json& method_of(const json& report, std::string_view name) {
  const json& methods = report["methods"];
  return *std::ranges::find_if(methods, [&](const json& m) { return m["method"] == name; });
}

// Memory of a method on the report's device; nothing if it was not computed.
std::optional<std::size_t> memory_of(const json& report, const json& method) {
  const json& value = method[report["device"]["name"] == "cpu" ? "cpu_memory" : "gpu_memory"];
  return value.is_null() ? std::nullopt : std::optional(value.get<std::size_t>());
}

std::string accuracy_of(const json& result) {
  std::string text = fmt::format("{:.3f}", result["accuracy"].get<double>());
  if (!result["error"].is_null()) text += fmt::format(" ± {:.3f}", result["error"].get<double>());
  return text;
}

// "0.871 ± 0.005 against 0.793 ± 0.008 on sst2", of two methods on the tasks where both were measured.
std::string against(const json& report, const char* one, const char* other) {
  std::vector<std::string> parts;
  for (const json& a : method_of(report, one)["results"])
    for (const json& b : method_of(report, other)["results"])
      if (a["task"] == b["task"] && a["source"] == b["source"])
        parts.push_back(
            fmt::format("{} against {} on {}", accuracy_of(a), accuracy_of(b), a["task"].get<std::string>()));
  return fmt::format("{}", fmt::join(parts, ", "));
}

// A sentence that begins a reason: what fits.
std::string fits(const json& report, const char* method, std::size_t needed, std::size_t usable) {
  return fmt::format("{} needs {} of the {} {} on this {}", method, bytes(needed), bytes(usable),
                     report["device"]["given"].get<bool>() ? "that were given" : "that can be used",
                     report["device"]["name"] == "cpu" ? "host" : "GPU");
}

json choice(const json& method, std::string options, std::string reason) {
  return {{"method", method}, {"options", std::move(options)}, {"reason", std::move(reason)}};
}

// The measured comparison of the two methods that a choice is mostly between.
std::string evidence(const json& report) {
  const std::string numbers = against(report, "lora", "mezo");
  return numbers.empty() ? "Measured accuracies: none on such a task (" +
                               report["nearest"]["why"].get<std::string>() + ")"
                         : "Accuracy of lora against mezo: " + numbers;
}

class Table {
 public:
  explicit Table(std::vector<std::string> head) { row(std::move(head)); }
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  [[nodiscard]] std::string text() const {
    std::vector<std::size_t> widths(rows_.front().size(), 0);
    for (const auto& row : rows_)
      for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], letters(row[i]));
    std::string out;
    for (const auto& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) {
        const std::string space(widths[i] - letters(row[i]), ' ');
        line += (i == 0 ? row[i] + space : space + row[i]) + (i + 1 < row.size() ? "  " : "");
      }
      out += line + "\n";
    }
    return out;
  }

 private:
  // Characters of UTF-8.
  static std::size_t letters(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
  }
  std::vector<std::vector<std::string>> rows_;
};

std::string seconds_of(const json& time) {
  if (time.is_null()) return "-";
  return fmt::format("{:.3g}{}", time["seconds"].get<double>(), time["from_parts"].get<bool>() ? "*" : "");
}

std::string main_table(const json& report) {
  Table table({"method", "CPU memory", "CPU s/step", "GPU memory", "GPU s/step"});
  for (const json& m : report["methods"]) {
    const bool trains = m["method"] != "none";
    table.row({m["method"].get<std::string>(), bytes(m["cpu_memory"].get<std::size_t>()),
               trains ? seconds_of(m["cpu_step"]) : "",
               m["gpu_memory"].is_null() ? "-" : bytes(m["gpu_memory"].get<std::size_t>()),
               trains ? seconds_of(m["gpu_step"]) : ""});
  }
  return table.text();
}

std::string accuracy_table(const json& report) {
  Table table({"method", "task", "accuracy", "held-out loss", "steps", "peak MiB", "measured"});
  const auto figure = [](const json& value, const char* format) {
    return value.is_null() ? std::string("-") : fmt::format(fmt::runtime(format), value.get<double>());
  };
  for (const json& m : report["methods"])
    for (const json& r : m["results"])
      table.row({m["method"].get<std::string>(), r["task"].get<std::string>(), accuracy_of(r),
                 figure(r["loss"], "{:.3f}"), figure(r["steps"], "{:.0f}"), figure(r["peak_mib"], "{:.0f}"),
                 r["source"].get<std::string>()});
  return table.text();
}

std::string source_line(const json& report, const std::string& name) {
  const json& s = report["sources"][name];
  const auto text = [&](const char* field) {
    return s.contains(field) ? s[field].get<std::string>() : std::string();
  };
  std::string line = fmt::format("  {}: {}, {}, {}", name, text("machine"), text("precision"), text("date"));
  if (s.contains("model")) line += fmt::format("; {}", text("model"));
  if (s.contains("seconds")) line += fmt::format(", {:.0f} s of training", s["seconds"].get<double>());
  return line +
         fmt::format("; commit {}; {}\n    to repeat: {}\n", text("commit"), text("page"), text("repeat"));
}

// The notes under the first table, and the names of the sources that they use.
std::string time_notes(const json& report, std::set<std::string>& sources) {
  std::string notes;
  for (const char* device : {"cpu_step", "gpu_step"}) {
    for (const json& m : report["methods"]) {
      const json& time = m[device];
      if (time.is_null()) continue;
      sources.insert(time["source"]);
      notes += fmt::format("  {} on the {}: {}\n", m["method"].get<std::string>(),
                           device == std::string_view("cpu_step") ? "CPU" : "GPU",
                           time["scaled_from"].get<std::string>());
    }
  }
  return notes;
}

}  // namespace

json recommendation(const json& report) {
  const auto usable = report["device"]["usable"].get<std::size_t>();
  const auto lora = memory_of(report, method_of(report, "lora")),
             mezo = memory_of(report, method_of(report, "mezo")),
             small = memory_of(report, report["smallest_lora"]);
  if (!lora || !mezo || !small || usable == 0)
    return choice(
        "lora", "--method lora",
        "the memory is not known here, so this assumes that a gradient pass fits. " + evidence(report));
  if (*lora <= usable)
    return choice("lora", "--method lora",
                  fits(report, "lora", *lora, usable) + ", so a gradient pass fits. " + evidence(report) +
                      ". In the study (docs/results/study.md) updates of the backbone (bilevel) added "
                      "nothing to its adapters (frozen)");
  if (*small <= usable)
    return choice("lora",
                  "--method lora --batch-size 1 --gradient-accumulation-steps 8 --gradient-checkpointing",
                  fits(report, "lora", *lora, usable) +
                      "; with one example a pass and recomputed activations it needs " + bytes(*small) +
                      ". " + evidence(report));
  if (*mezo <= usable)
    return choice("mezo", "--method mezo",
                  "no gradient pass fits: " + fits(report, "lora", *small, usable) +
                      " even with one example a pass and recomputed activations; mezo needs " + bytes(*mezo) +
                      ". " + evidence(report) + ". Expect a lower accuracy");
  return choice(nullptr, "",
                "nothing fits: " + fits(report, "mezo", *mezo, usable) +
                    ". Take a smaller model, a smaller --batch-size or --max-prompt-tokens, or another "
                    "machine (--memory "
                    "GIB plans for one)");
}

std::string advice_text(const json& report) {
  const json& task = report["task"];
  std::string out;
  const auto add = [&]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
  };
  add("{}: {:.1f} million weights\n", report["model"]["path"].get<std::string>(),
      report["model"]["weights"].get<double>() / 1e6);
  add("{}: {} training examples, {:.0f} tokens each in the mean, {} at most; batches of {}\n\n",
      task["name"].get<std::string>(), task["training_examples"].get<std::size_t>(),
      task["mean_tokens"].get<double>(), task["longest_tokens"].get<std::size_t>(),
      task["batch_size"].get<std::size_t>());
  add("Memory and seconds per step of this model on this task\n\n{}\n", main_table(report));
  add("Memory: computed from the model's shape and the task's longest examples, fp32 on the CPU (with the "
      "program and the "
      "file that is loaded) and {} on a GPU.",
      report["device"]["precision"].get<std::string>());
  const bool gpu_known = !method_of(report, "lora")["gpu_memory"].is_null();
  if (!gpu_known)
    add(" This program was built without CUDA: for a GPU it knows only that the weights take {} in bf16.",
        bytes(report["gpu_weights"].get<std::size_t>()));
  std::set<std::string> sources;
  const std::string notes = time_notes(report, sources);
  add("\nSeconds: not measured on this model but scaled by the multiplications of a step from a measured "
      "step at the nearest size (on a GPU never below it: launches limit small steps); * added up from "
      "several. - : no step of this method was measured.\n{}",
      notes);
  for (const std::string& name : sources)
    if (report["sources"][name].contains("products_gflops"))
      add("  fp32 products ran at {:.0f} GFLOP/s on that CPU; zofo doctor measures this one: multiply by "
          "their ratio\n",
          report["sources"][name]["products_gflops"].get<double>());
  add("\nAccuracy, measured: {}\n", report["nearest"]["why"].get<std::string>());
  if (!report["nearest"]["tasks"].empty()) {
    add("\n{}", accuracy_table(report));
    for (const json& m : report["methods"])
      for (const json& r : m["results"]) sources.insert(r["source"]);
  }
  if (report["few_examples"].get<bool>()) {
    add("\nWith so few examples adapters that were trained on related tasks help (zofo meta-train, zofo "
        "adapt). Gain in balanced "
        "accuracy on new tasks, measured:\n");
    for (const json& gain : report["new_tasks"]) {
      add("  {}, start {}: {:+.3f} with 5 examples, {:+.3f} with 16 a class\n",
          gain["method"].get<std::string>(), gain["start"].get<std::string>(),
          gain["gain_at_5_examples"].get<double>(), gain["gain_at_16_a_class"].get<double>());
      sources.insert(gain["source"]);
    }
  }
  const json& advice = report["recommendation"];
  add("\nRecommendation: {}\n  {}.\n",
      advice["method"].is_null() ? "none" : advice["options"].get<std::string>(),
      advice["reason"].get<std::string>());
  add("\nSources\n");
  for (const std::string& name : sources) out += source_line(report, name);
  return out;
}

}  // namespace zofo::cli
