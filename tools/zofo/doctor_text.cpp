// zofo doctor: the report as text.
#include <fmt/ranges.h>

#include <iterator>
#include <string>
#include <vector>

#include "doctor.hpp"
#include "zofo/tensor/memory_plan.hpp"

namespace zofo::cli {
namespace {

using nlohmann::json;

std::string bytes(const json& value) { return tensor::bytes_text(value.get<std::size_t>()); }

class Text {
 public:
  void title(const char* name) { text_ += fmt::format("{}{}\n", text_.empty() ? "" : "\n", name); }
  template <class... Args>
  void line(const char* name, fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format("  {:<12}{}\n", name, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string text_of(const json& value) { return value.is_string() ? value.get<std::string>() : ""; }

void machine_lines(const json& facts, Text& out) {
  out.title("What this machine has");
  const json& p = facts["processor"];
  out.line("processor", "{}; {} cores, {} usable{}", text_of(p["model"]), p["cores"].get<std::size_t>(),
           p["usable"].get<std::size_t>(),
           p["quota"].get<double>() > 0.0
               ? fmt::format(", {:.3g} by the control group", p["quota"].get<double>())
               : "");
  out.line("features", "{}", fmt::join(p["features"].get<std::vector<std::string>>(), " "));
  const json& blas = facts["blas"];
  out.line("BLAS", "{} ({}), {} threads by {}; {}", text_of(blas["version"]), text_of(blas["core"]),
           blas["threads"].get<std::size_t>(), text_of(blas["parallel"]), text_of(blas["file"]));
  const json& memory = facts["memory"];
  out.line(
      "memory", "{} of {} can be used{}", bytes(memory["usable"]), bytes(memory["total"]),
      memory["limit"].get<std::size_t>() > 0 ? "; the control group allows " + bytes(memory["limit"]) : "");
  for (const json& folder : facts["folders"])
    out.line(text_of(folder["purpose"]).c_str(), "{}: {} free{}", text_of(folder["path"]),
             bytes(folder["free"]), folder["writable"].get<bool>() ? "" : ", not writable");
  if (facts["gpus"].empty() && !(facts["cuda"].is_object() && facts["cuda"].contains("gpu")))
    out.line("GPU", "none that a driver lists");
  for (const json& gpu : facts["gpus"])
    out.line("GPU", "{}, driver {}", text_of(gpu), text_of(facts["driver"]));
  const json& cuda = facts["cuda"];
  if (cuda.is_null()) {
    out.line("CUDA", "this program was built without it");
    return;
  }
  out.line(
      "CUDA", "runtime {}, the driver supports {}", text_of(cuda["runtime"]),
      text_of(cuda["driver_supports"]).empty() ? "none: not installed" : text_of(cuda["driver_supports"]));
  if (cuda.contains("memory"))
    out.line("", "{} (compute capability {}): {} of {} free", text_of(cuda["gpu"]),
             text_of(cuda["compute_capability"]), bytes(cuda["free"]), bytes(cuda["memory"]));
}

void run_lines(const json& facts, Text& out) {
  out.title("What would run");
  const json& program = facts["program"];
  out.line("program", "zofo {}, compiled for {} by {}", text_of(program["version"]),
           text_of(program["compiled_for"]), text_of(program["compiler"]));
  const json& would = facts["would_run"];
  out.line("device", "{} in {}, {} threads", text_of(would["device"]), text_of(would["precision"]),
           facts["processor"]["threads"].get<std::size_t>());
  const json& kernels = would["kernels"];
  out.line("kernels", "random numbers: {}; products of few rows: {}; products: {}",
           text_of(kernels["random_numbers"]), text_of(kernels["products_of_few_rows"]),
           text_of(kernels["products"]));
}

void model_lines(const json& facts, Text& out) {
  if (!facts.contains("model")) return;
  const json& model = facts["model"];
  out.title("Would the model fit?");
  out.line("model", "{}: {:.1f} million weights; {} can be used on {}", text_of(model["path"]),
           model["weights"].get<double>() / 1e6, bytes(model["usable"]),
           text_of(facts["would_run"]["device"]));
  out.line("batches", "{} x {} tokens; zofo methods --advise computes it for a task's own examples",
           model["sequences"].get<std::size_t>(), model["tokens"].get<std::size_t>());
  for (const json& method : model["methods"])
    out.add("  {:<16}{:>12}  {}\n", text_of(method["method"]), bytes(method["memory"]),
            method["fits"].get<bool>() ? "fits" : "does not fit");
}

void speed_lines(const json& facts, Text& out) {
  if (!facts.contains("speed")) return;
  out.title("How fast (short measurements; other programs slow them down)");
  const json& speed = facts["speed"];
  if (speed.contains("left_out")) return out.line("", "{}", text_of(speed["left_out"]));
  out.line("products", "{:.0f} GFLOP/s in fp32 on the CPU", speed["gemm_gflops"].get<double>());
  out.line("copies", "{:.1f} GB/s of main memory", speed["copy_gbs"].get<double>());
  if (speed.contains("forward_left_out"))
    return out.line("forward", "not measured: {}", text_of(speed["forward_left_out"]));
  const json& forward = speed["forward"];
  out.line("forward", "{:.3g} s for {} x {} tokens of SmolLM2-135M's shape on {}: {:.0f} tokens a second",
           forward["seconds"].get<double>(), forward["sequences"].get<std::size_t>(),
           forward["tokens"].get<std::size_t>(), text_of(facts["would_run"]["device"]),
           forward["tokens_per_second"].get<double>());
}

}  // namespace

std::string report_text(const Findings& findings) {
  Text out;
  machine_lines(findings.facts, out);
  run_lines(findings.facts, out);
  model_lines(findings.facts, out);
  speed_lines(findings.facts, out);
  out.title("What is wrong");
  if (findings.problems.empty()) out.add("  nothing\n");
  for (const Problem& p : findings.problems)
    out.add("  {}: {}\n    what to do: {}\n", p.prevents ? "error" : "warning", p.what, p.todo);
  return out.text();
}

}  // namespace zofo::cli
