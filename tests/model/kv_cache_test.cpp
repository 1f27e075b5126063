/// @file Passes with a key/value cache against passes that read whole sequences: every family, every kind of
/// adapter, sequences of different lengths in one batch, slots that change hands.
///
/// Tolerances: a cached pass computes the sums of a whole one in another order, so it is another draw of
/// fp32's rounding errors; each stays within a few times PyTorch's own (tests/model/families_test.cpp), and
/// their difference within twice that.
#include "zofo/model/kv_cache.hpp"

#include <array>
#include <functional>
#include <numeric>

#include "../peft/mixed.hpp"
#include "catch.hpp"

using namespace zofo;
using namespace zofo::model;

namespace {

constexpr double cached_draws = 2 * 4.0;

using Cache = KvCache<CpuBackend>;

/// The first `count` tokens of a batch's sequences (fewer where one is shorter), or the one after them, with
/// log P of what comes next as target.
struct Part {
  Batch batch;
  std::vector<std::uint32_t> slots;
  std::vector<std::size_t> targets;  ///< their numbers in the whole batch

  Part(const Batch& whole, std::size_t first, std::size_t count) {
    batch.kinds = whole.kinds;
    for (std::uint32_t i = 0; i < whole.sequences(); ++i) {
      const std::size_t length = whole.cu_seqlens[i + 1] - whole.cu_seqlens[i];
      if (first >= length) continue;
      const std::span<const std::int32_t> all(whole.tokens.data() + whole.cu_seqlens[i], length);
      const std::uint32_t at =
          batch.add(all.subspan(first, std::min(count, length - first)), whole.adapter[i]);
      // Slots in another order than the sequences'.
      slots.push_back(static_cast<std::uint32_t>(whole.sequences() - 1 - i));
      for (std::size_t t = 0; t < whole.targets.size(); ++t) {
        const Target& target = whole.targets[t];
        if (target.sequence != i || target.position < first || target.position >= first + count) continue;
        batch.targets.push_back({at, target.position - static_cast<std::uint32_t>(first), target.token});
        targets.push_back(t);
      }
    }
  }
};

/// Log-probabilities of all targets of a batch whose sequences are read `first` tokens at once, then one by
/// one.
std::vector<double> in_parts(Transformer& transformer, const Parameters& theta, const Batch& whole,
                             const std::vector<const Eigen::VectorXf*>& adapters, std::size_t first,
                             Cache& cache) {
  std::vector<double> log_p(whole.targets.size(), 0.0);
  const auto read = [&](const Part& part) {
    const auto got = transformer.log_probabilities(theta, part.batch, adapters, cache, part.slots);
    for (std::size_t t = 0; t < got.size(); ++t) log_p[part.targets[t]] = got[t];
  };
  read(Part(whole, 0, first));
  for (std::size_t at = first; !Part(whole, at, 1).slots.empty(); ++at) read(Part(whole, at, 1));
  return log_p;
}

std::vector<const Eigen::VectorXf*> pointers(const std::vector<Eigen::VectorXf>& values) {
  std::vector<const Eigen::VectorXf*> list;
  for (const auto& each : values) list.push_back(&each);
  return list;
}

/// The message of the Error that `call` throws.
std::string call_refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "nothing is thrown";
}

}  // namespace

TEST_CASE("cached passes give the log-probabilities of whole ones, for every family and kind of adapter",
          "[model]") {
  const auto document = golden::load("families.json");
  std::size_t windows = 0;
  for (const auto& j : document.at("cases")) {
    const golden::Mixed mixed(j.at("name"));
    const golden::Case& c = mixed.c;
    windows += c.shape.window > 0 ? 1 : 0;
    Transformer transformer(c.shape, peft::Adapters(mixed.layouts));
    const auto adapters = pointers(mixed.values);
    const auto expected = transformer.log_probabilities(c.theta, c.batch, adapters);
    const double bound = cached_draws * j.at("float32").at("log_probability").get<double>();
    Cache cache(transformer.backend(), c.shape, {c.batch.sequences(), 11});
    for (const std::size_t first : {1U, 3U, 7U}) {
      const auto got = in_parts(transformer, c.theta, c.batch, adapters, first, cache);
      const double difference = golden::largest_difference(got, expected);
      INFO(c.name << ", " << first << " at once: " << difference << " of " << bound);
      CHECK(difference < bound);
      CHECK(cache.length(c.batch.sequences() - 1) == 1 + 4);  // the first sequence: a token after its prompt
      for (std::size_t slot = 0; slot < c.batch.sequences(); ++slot) cache.clear(slot);
    }
  }
  CHECK(windows == 4);
}

TEST_CASE("the best token is the one of the highest log-probability", "[model]") {
  const golden::Mixed mixed("mistral");
  const golden::Case& c = mixed.c;
  Transformer transformer(c.shape, peft::Adapters(mixed.layouts));
  const auto adapters = pointers(mixed.values);
  Cache cache(transformer.backend(), c.shape, {c.batch.sequences(), 11});
  std::vector<std::uint32_t> slots(c.batch.sequences());
  std::iota(slots.begin(), slots.end(), 0U);
  const auto best = transformer.best_tokens(c.theta, c.batch, adapters, cache, slots, c.shape.vocab);
  REQUIRE(best.size() == c.batch.targets.size());
  std::size_t differ = 0;
  for (const std::size_t limit : {std::size_t{c.shape.vocab}, std::size_t{c.shape.vocab / 2}}) {
    for (const std::uint32_t slot : slots) cache.clear(slot);
    const auto of_limit = transformer.best_tokens(c.theta, c.batch, adapters, cache, slots, limit);
    for (std::size_t t = 0; t < best.size(); ++t) {
      Batch every = c.batch;
      every.targets.clear();
      for (std::size_t id = 0; id < limit; ++id)
        every.targets.push_back(
            {c.batch.targets[t].sequence, c.batch.targets[t].position, static_cast<std::int32_t>(id)});
      const auto log_p = transformer.log_probabilities(c.theta, every, adapters);
      CHECK(of_limit[t] == std::ranges::max_element(log_p) - log_p.begin());
    }
    differ += of_limit != best ? 1 : 0;
  }
  CHECK(differ == 1);  // the limit leaves some out
}

TEST_CASE("logits less the logarithm of their exponentials' sum are log-probabilities", "[model]") {
  const golden::Mixed mixed("mistral");
  const golden::Case& c = mixed.c;
  Transformer transformer(c.shape, peft::Adapters(mixed.layouts));
  const auto adapters = pointers(mixed.values);
  Cache cache(transformer.backend(), c.shape, {c.batch.sequences(), 11});
  std::vector<std::uint32_t> slots(c.batch.sequences());
  std::iota(slots.begin(), slots.end(), 0U);
  Batch batch = c.batch;  // targets of one position have one row
  batch.targets.insert(batch.targets.begin(), c.batch.targets.back());
  const auto log_p = transformer.log_probabilities(c.theta, batch, adapters);
  const std::size_t vocab = c.shape.vocab;
  const auto logits = transformer.logits(c.theta, batch, adapters, cache, slots, vocab);
  REQUIRE(logits.size() == batch.targets.size() * vocab);
  for (std::size_t t = 0; t < batch.targets.size(); ++t) {
    const auto row = std::span(logits).subspan(t * vocab, vocab);
    double sum = 0.0;
    for (const float logit : row) sum += std::exp(static_cast<double>(logit));
    const auto id = static_cast<std::size_t>(batch.targets[t].token);
    CHECK(std::abs(static_cast<double>(row[id]) - std::log(sum) - log_p[t]) < 1e-5);
  }
  for (const std::uint32_t slot : slots) cache.clear(slot);
  const auto few = transformer.logits(c.theta, batch, adapters, cache, slots, 3);
  REQUIRE(few.size() == 3 * batch.targets.size());
  for (std::size_t i = 0; i < few.size(); ++i) CHECK(few[i] == logits[i / 3 * vocab + i % 3]);
  CHECK(call_refusal([&] {
          transformer.logits(c.theta, batch, adapters, cache, slots, vocab + 1);
        }).find("must be in [1, ") != std::string::npos);
}

TEST_CASE("equal logits go to the lowest id, and a logit that is no number is refused", "[model]") {
  golden::Case c = golden::one("llama 2");
  Transformer transformer(c.shape, c.lora);
  Cache cache(transformer.backend(), c.shape, {1, 8});
  Batch batch;
  const std::array<std::int32_t, 2> tokens{1, 2};
  batch.targets.push_back({batch.add(tokens, -1), 1, 0});
  const std::array<std::uint32_t, 1> slots{0};
  const std::size_t head = c.theta.layout().head();
  std::fill_n(c.theta.data(head), c.theta.tensors()[head].size(), 0.0F);
  CHECK(transformer.best_tokens(c.theta, batch, {}, cache, slots, c.shape.vocab).front() == 0);
  cache.clear(0);
  c.theta.data(head)[3] = NAN;
  CHECK(call_refusal([&] {
          transformer.best_tokens(c.theta, batch, {}, cache, slots, c.shape.vocab);
        }).find("a logit is NaN") != std::string::npos);
}

TEST_CASE("a decode step gives the same bits for every set of sequences in it", "[model]") {
  const golden::Case c = golden::one("opt, 350m type");
  Transformer transformer(c.shape, c.lora);
  Cache cache(transformer.backend(), c.shape, {6, 8});
  std::vector<std::vector<double>> of_company;
  for (const std::uint32_t company : {1U, 2U, 5U, 6U}) {
    for (std::size_t slot = 0; slot < 6; ++slot) cache.clear(slot);
    const auto pass = [&](std::uint32_t sequences, std::int32_t shift, std::size_t length) {
      Batch batch;
      std::vector<std::uint32_t> slots;
      for (std::uint32_t i = 0; i < sequences; ++i) {
        std::vector<std::int32_t> tokens(length);
        for (std::size_t t = 0; t < length; ++t)
          tokens[t] = static_cast<std::int32_t>((5 * i + 3 * t) % 30) + shift;
        const std::uint32_t sequence = batch.add(tokens, -1);
        for (std::int32_t id = 0; i == 0 && id < 20; ++id)
          batch.targets.push_back({sequence, static_cast<std::uint32_t>(length - 1), id});
        slots.push_back(i);
      }
      return transformer.log_probabilities(c.theta, batch, {}, cache, slots);
    };
    pass(6, 0, 3);  // all are read in one pass; then `company` of them continue
    of_company.push_back(pass(company, 1, 1));
    CHECK(cache.length(0) == 4);
    CHECK(cache.length(5) == (company == 6 ? 4 : 3));
  }
  for (const auto& each : of_company) CHECK(each == of_company.front());
}

TEST_CASE("a cache refuses what it cannot hold", "[model]") {
  const golden::Case c = golden::one("llama 2");
  Transformer transformer(c.shape, c.lora);
  const auto capacity = [&](CacheCapacity e) {
    return call_refusal([&] { Cache(transformer.backend(), c.shape, e); });
  };
  CHECK(capacity({0, 4}).find("sequences = 0") != std::string::npos);
  CHECK(capacity({1, 0}).find("positions = 0") != std::string::npos);
  CHECK(capacity({1, c.shape.context + 1}).find("the model's context") != std::string::npos);
  CHECK(capacity({~std::size_t{0} / 64, 4}).find("more entries than the address space holds") !=
        std::string::npos);
  CHECK(Cache::bytes(c.shape, {3, 5}) == 3 * 5 * 2 * c.shape.layers * c.shape.key_width() * sizeof(float));

  Cache cache(transformer.backend(), c.shape, {3, 5});
  const auto pass = [&](std::vector<std::size_t> lengths, std::vector<std::uint32_t> slots) {
    return call_refusal([&] {
      Batch batch;
      for (const std::size_t length : lengths)
        batch.targets.push_back({batch.add(std::vector<std::int32_t>(length, 1), -1), 0, 0});
      transformer.log_probabilities(c.theta, batch, {}, cache, slots);
    });
  };
  CHECK(pass({2}, {3}) == "key/value cache: slot 3: must be below 3");
  CHECK(pass({2, 2}, {1, 1}).find("named twice") != std::string::npos);
  CHECK(pass({2, 2}, {1}).find("1 slots for 2 sequences") != std::string::npos);
  CHECK(pass({6}, {0}).find("holds at most 5 positions: the sequence needs 6") != std::string::npos);
  CHECK(cache.length(0) == 0);  // what was refused is not there
  CHECK(pass({4}, {0}) == "nothing is thrown");
  CHECK(pass({1, 1}, {0, 1}).find("prefill of empty slots") != std::string::npos);
  CHECK(pass({2}, {0}).find("prefill of empty slots") != std::string::npos);
  CHECK(pass({1}, {0}) == "nothing is thrown");
  CHECK(pass({1}, {0}).find("holds at most 5 positions: the sequence needs 6") != std::string::npos);
  const golden::Case other = golden::one("mistral");
  Cache foreign(transformer.backend(), other.shape, {1, 4});
  Batch batch;
  batch.targets.push_back({batch.add(std::vector<std::int32_t>{1}, -1), 0, 0});
  const std::vector<std::uint32_t> slots{0};
  CHECK(call_refusal([&] {
          transformer.log_probabilities(c.theta, batch, {}, foreign, slots);
        }).find("another shape") != std::string::npos);
}
