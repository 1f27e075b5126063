// Times the CUDA transformer's steps against what their arithmetic and memory traffic take at the GPU's own
// speed: `zofo_bench_llm --shape opt-1.3b --batch 16 --seq 128 --json`. Each step has a context of its own,
// so that its peak memory is its own.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cuda/gpu.hpp"
#include "cuda/llm_cost.hpp"
#include "cuda/llm_work.hpp"
#include "zofo/model/known_shapes.hpp"

namespace {

using nlohmann::json;

struct Options {
  std::string shape = "opt-125m";
  std::size_t batch = 8;
  std::size_t seq = 64;
  std::size_t n = 20;
  std::vector<std::string> only;
  zofo::bench::LlmWorkOptions work;
  std::uint32_t layers = 0;
  bool deterministic = false;
  bool fp32 = false;
  bool as_json = false;
};

zofo::tensor::cuda::ContextOptions context_options(const Options& options) {
  zofo::tensor::cuda::ContextOptions result;
  result.deterministic = options.deterministic;
  return result;
}

template <class T>
json measure(const Options& options, const std::string& step, const zofo::bench::GpuLimits& limits) {
  zofo::model::Config config = zofo::model::known_shape(options.shape);
  if (options.layers > 0) config.layers = options.layers;
  zofo::tensor::cuda::Context context(context_options(options));
  zofo::bench::LlmWork<T> work(context, config, options.batch, options.seq, options.work);
  const double ms = zofo::bench::median_ms(context.stream(), options.n, [&] { work.run(step); });
  const zofo::bench::Cost cost =
      zofo::bench::LlmCost(config, options.batch, options.seq, zofo::bench::targets_of_a_sequence, sizeof(T))
          .of(step);
  const double gemm_ms = cost.flops / limits.flops * 1e3;
  const double bytes_ms = cost.bytes / limits.bandwidth * 1e3;
  json line{{"step", step},
            {"shape", options.shape},
            {"batch", options.batch},
            {"seq", options.seq},
            {"dtype", options.fp32 ? "fp32" : "bf16"},
            {"deterministic", options.deterministic},
            {"median_ms", ms},
            {"peak_gib", static_cast<double>(context.counters().peak_bytes) * 0x1p-30},
            {"floor_ms", gemm_ms + bytes_ms},
            {"ratio_to_floor", ms / (gemm_ms + bytes_ms)},
            {"gemm_ms_at_peak", gemm_ms},
            {"bytes_ms", bytes_ms},
            {"peak_tflops", limits.flops * 1e-12},
            {"copy_gbs", limits.bandwidth * 1e-9},
            {"device", limits.gpu}};
  if (options.work.recompute) line["recompute"] = true;
  if (options.layers > 0) line["layers"] = options.layers;
  if (step.ends_with("low_rank")) line["rank"] = options.work.low_rank.rank;
  return line;
}

void print(const json& line, bool as_json) {
  if (as_json)
    fmt::print("{}\n", line.dump());
  else
    fmt::print("{:<20} {:9.3f} ms  {:5.2f} x the floor of {:.3f} ms (products {:.3f})  {:7.3f} GiB\n",
               line["step"].get<std::string>(), line["median_ms"].get<double>(),
               line["ratio_to_floor"].get<double>(), line["floor_ms"].get<double>(),
               line["gemm_ms_at_peak"].get<double>(), line["peak_gib"].get<double>());
  std::fflush(stdout);
}

template <class T>
void run(const Options& options) {
  const auto limits = [&] {
    zofo::tensor::cuda::Context context(context_options(options));
    return zofo::bench::measure_limits<T>(context);
  }();
  if (!options.as_json)
    fmt::print("{}, {} {} x {}: products {:.0f} TFLOP/s, copy {:.0f} GB/s\n", limits.gpu, options.shape,
               options.batch, options.seq, limits.flops * 1e-12, limits.bandwidth * 1e-9);
  for (const std::string& step : options.only) print(measure<T>(options, step, limits), options.as_json);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{
      "Times the CUDA transformer's steps.\nExample: zofo_bench_llm --shape opt-1.3b --batch 16 --seq 128 "
      "--json"};
  Options options;
  const std::vector<std::string> shapes(zofo::model::shape_names.begin(), zofo::model::shape_names.end());
  const std::vector<std::string> steps(zofo::bench::step_names.begin(), zofo::bench::step_names.end());
  options.only.assign(steps.begin(), steps.end() - 1);  // bilevel_step is the others' sum
  app.add_option("--shape", options.shape, "model")->check(CLI::IsMember(shapes));
  app.add_option("--batch", options.batch, "sequences")->check(CLI::Range(1, 1024));
  app.add_option("--seq", options.seq, "tokens a sequence")->check(CLI::Range(5, 8192));
  app.add_option("--n", options.n, "timed repetitions; the median counts")->check(CLI::Range(1, 10000));
  app.add_option("--only", options.only, "steps to measure, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember(steps));
  app.add_option("--low-rank", options.work.low_rank.rank, "rank of the low-rank directions")
      ->check(CLI::Range(1, 64));
  app.add_option("--layers", options.layers, "blocks, in place of the shape's");
  app.add_flag("--recompute", options.work.recompute, "recompute activations for the backward pass");
  app.add_option("--overlap-below", options.work.overlap_below,
                 "write a sublayer's probes while the one before it runs, if it has fewer weights");
  app.add_flag("--deterministic", options.deterministic, "the same bits in every run");
  app.add_flag("--fp32", options.fp32, "weights and activations in fp32 instead of bf16");
  app.add_flag("--json", options.as_json, "one JSON object a line");
  CLI11_PARSE(app, argc, argv);
  if (options.fp32)
    run<float>(options);
  else
    run<zofo::tensor::cuda::bf16>(options);
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "zofo_bench_llm: error: {}\n", error.what());
  return 2;
}
