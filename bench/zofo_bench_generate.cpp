// Times writing with the key/value cache on the CPU: `zofo_bench_generate --model model.gguf`. A token's time
// after prompts of several lengths, the part of it that is attention, and what a pass over the whole sequence
// costs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "median.hpp"
#include "zofo/model/known_shapes.hpp"
#include "zofo/model/transformer.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/perturb/gaussian.hpp"

namespace {

using namespace zofo;

// The time that passes, or that this process computes: with one thread and on a busy machine that is the time
// which would pass on an idle one, but for the memory's speed.
struct Clock {
  bool own = false;

  [[nodiscard]] double now() const {
    timespec time{};
    clock_gettime(own ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }
  template <class Step>
  double seconds_of(Step&& step) const {
    const double start = now();
    step();
    return now() - start;
  }
};

// `batch` sequences of one length, generated token by token.
class Texts {
 public:
  Texts(const model::Parameters& theta, std::size_t batch, std::size_t positions)
      : theta_(theta),
        transformer_(theta.config(), peft::Lora(theta.config(), {})),
        cache_(transformer_.backend(), theta.config(), {batch, positions}) {
    for (std::uint32_t slot = 0; slot < batch; ++slot) slots_.push_back(slot);
  }

  // Reads prompts of so many tokens.
  void read(std::size_t length) {
    for (const std::uint32_t slot : slots_) cache_.clear(slot);
    last_ = transformer_.best_tokens(theta_, prompts(length), {}, cache_, slots_, theta_.config().vocab);
  }
  // Writes a token of each.
  void step() {
    model::Batch batch;
    for (const std::int32_t token : last_) batch.targets.push_back({batch.add({&token, 1}, -1), 0, 0});
    last_ = transformer_.best_tokens(theta_, batch, {}, cache_, slots_, theta_.config().vocab);
  }
  // The attention of such a step to `count` positions, and nothing else: on cached keys of the layers in
  // turn.
  void attention(std::size_t count) {
    const model::Config& c = theta_.config();
    const tensor::cpu::HeadShape shape{c.heads, c.kv_heads, c.head_dim, c.window};
    const std::size_t rows = slots_.size(), positions = cache_.capacity().positions;
    memory_.resize(cache_.capacity().entries(c));
    qkv_.resize(rows * c.qkv_width());
    out_.resize(rows * c.query_width());
    scores_.resize(rows * c.heads * positions);
    const std::vector<std::uint32_t> last(rows, static_cast<std::uint32_t>(count - 1));
    const tensor::CacheView<float> view{memory_.data(), rows, positions, c.kv_heads, c.head_dim};
    for (std::size_t l = 0; l < c.layers; ++l)
      tensor::cpu::cached_attention(tensor::view(qkv_.data(), rows, c.qkv_width()), shape, view.layer(l),
                                    slots_, last, scores_.data(),
                                    tensor::view(out_.data(), rows, c.query_width()));
  }
  // A token of each sequence by a pass over all of it.
  void reread(std::size_t length) { transformer_.log_probabilities(theta_, prompts(length), {}); }

 private:
  [[nodiscard]] model::Batch prompts(std::size_t length) const {
    model::Batch batch;
    std::vector<std::int32_t> row(length);
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      for (std::size_t t = 0; t < length; ++t)
        row[t] = static_cast<std::int32_t>((i * 977 + t * 131 + 7) % theta_.config().vocab);
      batch.targets.push_back({batch.add(row, -1), static_cast<std::uint32_t>(length - 1), 0});
    }
    return batch;
  }

  const model::Parameters& theta_;
  model::Transformer transformer_;
  model::KvCache<model::CpuBackend> cache_;
  std::vector<std::uint32_t> slots_;
  std::vector<std::int32_t> last_;
  std::vector<float> memory_, qkv_, out_, scores_;
};

// Steps and their attention are timed alternately, because a machine's speed drifts.
nlohmann::json measure(const model::Parameters& theta, std::size_t batch, std::size_t length,
                       std::size_t steps, const Clock& clock) {
  Texts texts(theta, batch, length + steps + 1);
  Texts again(theta, batch, length + steps + 1);
  again.read(length);
  again.step();
  texts.read(length);  // warms up
  const double read = clock.seconds_of([&] { texts.read(length); });
  texts.step();
  texts.attention(length);
  std::vector<double> step, attention;
  for (std::size_t i = 1; i < steps; ++i) {
    step.push_back(clock.seconds_of([&] { texts.step(); }));
    attention.push_back(clock.seconds_of([&] { texts.attention(length + i); }));
  }
  // The program generates without this measurement's attention in between.
  const double alone = clock.seconds_of([&] {
    for (std::size_t i = 1; i < steps; ++i) again.step();
  });
  const double reread = clock.seconds_of([&] { texts.reread(length); });
  return {{"batch", batch},
          {"prompt", length},
          {"read_ms", 1e3 * read},
          {"step_ms", 1e3 * median(step)},
          {"tokens_per_second", static_cast<double>(batch * (steps - 1)) / alone},
          {"attention_ms", 1e3 * median(attention)},
          {"reread_ms", 1e3 * reread}};
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app{
      "Times greedy writing with a key/value cache on the CPU.\nExample: zofo_bench_generate --model "
      "model.gguf"};
  std::string file;
  std::vector<std::size_t> lengths{64, 512, 1536};
  std::vector<std::size_t> batches{1, 8};
  std::size_t steps = 32;
  bool as_json = false;
  Clock clock;
  app.add_option("--model", file, "model to read; without it random weights of SmolLM2-135M's shape");
  app.add_option("--prompt", lengths, "tokens of the prompts")->check(CLI::Range(1, 8000));
  app.add_option("--batch", batches, "sequences decoded together")->check(CLI::Range(1, 64));
  app.add_option("--steps", steps, "tokens written; the median counts")->check(CLI::Range(3, 1000));
  app.add_flag("--own-time", clock.own,
               "count the time that the process computes, for a busy machine; take OMP_NUM_THREADS=1");
  app.add_flag("--json", as_json, "one JSON object a line");
  CLI11_PARSE(app, argc, argv);
  model::Parameters theta = file.empty() ? model::Parameters(model::smollm2()) : llm::load_backbone(file);
  if (file.empty()) Gaussian{}.add(theta, Direction{1, 0, 0}, 0.02);
  for (const std::size_t batch : batches)
    for (const std::size_t length : lengths) {
      const nlohmann::json line = measure(theta, batch, length, steps, clock);
      if (as_json)
        fmt::print("{}\n", line.dump());
      else
        fmt::print(
            "{} x {:>5} tokens: read {:8.1f} ms, then {:6.2f} ms a step, {:5.2f} of it attention; "
            "read again {:8.1f} ms\n",
            batch, length, line["read_ms"].get<double>(), line["step_ms"].get<double>(),
            line["attention_ms"].get<double>(), line["reread_ms"].get<double>());
      std::fflush(stdout);
    }
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "zofo_bench_generate: error: {}\n", error.what());
  return 2;
}
