/// @file Greedy decoding with a key/value cache: transformers' own tokens (tests/golden/generate.json, made
/// by tests/golden/generators/generate_torch.py), and the slow reference on every family and kind of adapter.
#include "zofo/lm/generate.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "catch.hpp"
#include "hub.hpp"
#include "message.hpp"
#include "tiny_fixture.hpp"
#include "zofo/core/random.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"
#include "zofo/train/generate_sequences.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

nlohmann::json golden() {
  std::ifstream file(hub::folder("").parent_path().parent_path() / "generate.json");
  REQUIRE(file.is_open());
  return nlohmann::json::parse(file);
}

Eigen::VectorXf random_adapter(std::size_t size, std::uint64_t seed) {
  Eigen::VectorXf x(static_cast<Eigen::Index>(size));
  normals(Direction{seed, 0, 0}, 0, 0, x.data(), size);
  return 0.4F * x;
}

/// The tokens that Decoder generates after each prompt: `most`, or up to `eos`.
std::vector<Tokens> decoded(model::Transformer& transformer, const model::Parameters& theta,
                            const Eigen::VectorXf* adapter, std::span<const Tokens> prompts, std::size_t most,
                            std::int32_t eos, std::size_t at_once) {
  const model::Config& config = theta.config();
  const std::size_t reserved =
      adapter == nullptr ? 0 : transformer.adapters().virtual_tokens(transformer.adapters().first());
  const std::size_t positions = sequence_positions(config, prompts, most, reserved);
  Decoder<model::CpuBackend> decoder(transformer, {at_once, positions});
  std::vector<Tokens> texts(prompts.size());
  decoder.generate(theta, adapter, prompts, config.vocab, MostProbable{},
                   [&](std::size_t i, std::int32_t id) {
                     texts[i].push_back(id);
                     return id != eos && texts[i].size() < most;
                   });
  return texts;
}

/// The same by reading the whole sequence for every token; `gap` is lowered to the smallest difference of the
/// two highest log-probabilities.
Tokens reread(model::Transformer& transformer, const model::Parameters& theta, const Eigen::VectorXf* adapter,
              Tokens text, std::size_t most, double& gap) {
  Tokens made;
  while (made.size() < most) {
    model::Batch batch;
    batch.add(text, adapter == nullptr ? -1 : 0);
    for (std::uint32_t id = 0; id < theta.config().vocab; ++id)
      batch.targets.push_back(
          {0, static_cast<std::uint32_t>(text.size() - 1), static_cast<std::int32_t>(id)});
    std::vector<double> log_p = log_probabilities(transformer, theta, adapter, batch);
    const auto best = std::ranges::max_element(log_p);
    made.push_back(static_cast<std::int32_t>(best - log_p.begin()));
    text.push_back(made.back());
    const double high = *best;
    *best = -INFINITY;
    gap = std::min(gap, high - *std::ranges::max_element(log_p));
  }
  return made;
}

const std::vector<Tokens> prompts{
    {3, 61, 17}, {5}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 33}, {40, 41}, {12, 60, 12}};

}  // namespace

TEST_CASE("greedy tokens are those of transformers' generate, for any number of sequences in a pass",
          "[train]") {
  const nlohmann::json document = golden();
  const std::size_t most = document.at("new");
  std::size_t texts = 0, ended = 0;
  for (const auto& c : document.at("cases")) {
    CHECK(c.at("gap").get<double>() > 1e-3);  // some hundred times fp32's error of a logit
    const model::Parameters theta = load_hugging_face(hub::folder(c.at("name")));
    model::Transformer transformer(theta.config(), peft::Lora(theta.config(), {}));
    std::vector<Tokens> requested, expected;
    for (const auto& text : c.at("texts")) {
      requested.push_back(text.at("prompt"));
      expected.push_back(text.at("written"));
      ended += expected.back().size() < most ? 1 : 0;
    }
    texts += requested.size();
    for (const std::size_t at_once : {1, 3, 7}) {
      INFO(c.at("name") << ", " << at_once << " at once");
      CHECK(decoded(transformer, theta, nullptr, requested, most, document.at("eos"), at_once) == expected);
    }
  }
  CHECK(texts == 56);  // of eight models
  CHECK(ended > 3);    // some leave the batch before the others
}

TEST_CASE("with every kind of adapter the cache changes no token", "[train]") {
  constexpr std::size_t most = 16;
  std::size_t models = 0, prompts_differ = 0;
  for (const char* name : hub::names) {
    const model::Parameters theta = load_hugging_face(hub::folder(name));
    const model::Config& config = theta.config();
    // Its cache ends where its rotary positions change.
    if (config.rope_scaling.kind == model::RopeScaling::Kind::longrope) continue;
    const std::vector<peft::Adapters> kinds{peft::Lora(config, {4, 8.0F, {"q", "v", "down"}}),
                                            peft::Prefix(config, {3}), peft::Prompt(config, {4})};
    std::vector<std::vector<Tokens>> of_kind;
    for (const peft::Adapters& layout : kinds) {
      model::Transformer transformer(config, layout);
      const Eigen::VectorXf adapter = random_adapter(layout.size(layout.first()), 3);
      INFO(name << ", " << peft::name(layout.first()));
      double gap = INFINITY;
      std::vector<Tokens> expected;
      for (const Tokens& prompt : prompts)
        expected.push_back(reread(transformer, theta, &adapter, prompt, most, gap));
      CHECK(gap > 2e-5);  // else rounding might choose
      CHECK(decoded(transformer, theta, &adapter, prompts, most, -1, 3) == expected);
      of_kind.push_back(expected);
    }
    CHECK(of_kind[0] != of_kind[1]);  // adapters matter
    ++models;
    prompts_differ += of_kind[1] != of_kind[2] ? 1 : 0;  // small models may repeat the same token after both
  }
  CHECK(models > 10);
  CHECK(2 * prompts_differ > models);
}

TEST_CASE("decode generates the texts of the slow generator", "[train]") {
  const testing::TinyFixture files("generate");
  const Model model = files.model();
  const model::Config& config = model.parameters.config();
  std::vector<Tokens> requested;
  for (const char* text :
       {" stone river", " awful", " green table north seven glass", " a", " superb light :"})
    requested.push_back(encode_prompt(model, text));
  model::Transformer transformer(config, peft::Prefix(config, {5}));
  const Eigen::VectorXf prefix = random_adapter(transformer.adapters().size(peft::Kind::prefix), 1);
  for (const Eigen::VectorXf* adapter : {static_cast<const Eigen::VectorXf*>(nullptr), &prefix})
    for (const EndOfText& end :
         {EndOfText{{"no such text"}, 9}, EndOfText{{}, 5}, EndOfText{{"e", "t"}, 30}}) {
      const auto slow = greedy_sequences(model, transformer, model.parameters, adapter, requested, end);
      std::vector<std::string> observed(requested.size());
      const auto all =
          decode(model, transformer, model.parameters, adapter, requested, end, {{2}},
                 [&](std::size_t i, const Generation& generation) { observed.at(i) = generation.text; });
      const auto fast =
          cached_greedy_sequences(model, transformer, model.parameters, adapter, requested, end, {2});
      for (std::size_t i = 0; i < all.size(); ++i) {
        CHECK(all[i].text == slow[i]);
        CHECK(all[i].generated() <= end.max_tokens);
        CHECK((all[i].ending == Ending::length) == (all[i].generated() == end.max_tokens));
      }
      CHECK(fast == slow);
      CHECK(observed == slow);
    }
}

TEST_CASE("sampled texts are those of whole passes, in any company", "[train]") {
  const testing::TinyFixture files("generate_samples");
  const Model model = files.model();
  const model::Config& config = model.parameters.config();
  const std::vector<SampleKey> keys{{4, 0}, {4, 1}, {4, 2}, {9, 0}, {0, 0}};
  const Tokens same = encode_prompt(model, " stone river");
  const std::vector<Tokens> requested{same, same, same, same, encode_prompt(model, " awful")};
  model::Transformer transformer(config, peft::Lora(config, {}));
  const EndOfText end{{"e"}, 12};
  SamplingOptions options{.temperature = 1.5, .top_k = 60, .top_p = 0.95, .seed = 3};
  const auto sampled = [&](std::size_t at_once) {
    return decode(model, transformer, model.parameters, nullptr, requested, end, {{at_once}, options, keys});
  };
  const auto all = sampled(2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    // The same filters of log-probabilities, which differ from the logits by a constant, without a cache.
    Sampler sampler(options);
    Generation generation{requested[i], requested[i].size()};
    while (generation.ending == Ending::none) {
      model::Batch batch;
      batch.add(generation.tokens, -1);
      const auto last = static_cast<std::uint32_t>(generation.tokens.size() - 1);
      for (std::size_t id = 0; id < model.tokenizer.size(); ++id)
        batch.targets.push_back({0, last, static_cast<std::int32_t>(id)});
      std::vector<float> log_p;
      for (const double each : log_probabilities(transformer, model.parameters, nullptr, batch))
        log_p.push_back(static_cast<float>(each));
      const auto step = static_cast<std::uint32_t>(generation.generated());
      generation.add(model, sampler.next(log_p, generation.tokens, keys[i], step), end);
    }
    CHECK(all[i].tokens == generation.tokens);
    CHECK(all[i].text == generation.text);
    CHECK(all[i].ending == generation.ending);
  }
  for (const std::size_t at_once : {1, 5}) {
    const auto others = sampled(at_once);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(others[i].tokens == all[i].tokens);
  }
  CHECK(all[0].tokens != all[1].tokens);
  CHECK(all[1].tokens != all[2].tokens);
  CHECK(all[0].tokens != all[3].tokens);
  // Greedily with a penalty no token comes twice where it excludes those so far.
  options = {.repetition_penalty = 1e6};
  for (const Generation& each : sampled(3)) {
    Tokens made(each.tokens.begin() + static_cast<std::ptrdiff_t>(each.prompt), each.tokens.end());
    std::ranges::sort(made);
    CHECK(std::ranges::adjacent_find(made) == made.end());
  }
  CHECK(message([&] {
          decode(model, transformer, model.parameters, nullptr, requested, end,
                 {{}, {}, std::span(keys).first(2)});
        }) == "sampling: 2 keys for 5 prompts");
}

TEST_CASE("a text ends before the first of several stops", "[train]") {
  const EndOfText end{{"abc", "b", "xyzw"}, 9};
  CHECK(end.first_stop("xx abc") == 3);
  CHECK(end.first_stop("xx bca") == 3);
  CHECK(end.first_stop("xyz") == std::string::npos);
  Generation generation{{1}, 1};
  generation.text = "so xyz";
  CHECK(settled_bytes(generation, end) == 3);  // the rest may begin a stop
  generation.ending = Ending::length;
  CHECK(settled_bytes(generation, end) == 6);
  CHECK(message([&] { EndOfText{{"a", ""}, 9}.check(); }) == "end of text: stop[1]: must not be empty");
}

TEST_CASE("generation ends at the end of the context, which includes the adapter's positions", "[train]") {
  const testing::TinyFixture files("generate_context");
  const Model model = files.model();
  const model::Config& config = model.parameters.config();
  const std::size_t context = config.context;
  model::Transformer transformer(config, peft::Prefix(config, {6}));
  const Eigen::VectorXf prefix = random_adapter(transformer.adapters().size(peft::Kind::prefix), 1);
  const EndOfText end{{}, 2 * context};
  const std::vector<Tokens> close{Tokens(context - 8, 70), Tokens(context - 6, 71)};
  const auto fast = cached_greedy_sequences(model, transformer, model.parameters, &prefix, close, end);
  CHECK(fast == greedy_sequences(model, transformer, model.parameters, &prefix, close, end));
  CHECK(!fast[1].empty());  // a token may follow a full context
  const std::vector<Tokens> beyond{{1}, Tokens(context - 5, 70)};
  const auto refusal = [&](const std::vector<Tokens>& bad) -> std::string {
    try {
      cached_greedy_sequences(model, transformer, model.parameters, &prefix, bad, end);
    } catch (const Error& e) {
      return e.what();
    }
    return "nothing is thrown";
  };
  CHECK(refusal(beyond) ==
        "prompt 2: has 251 tokens: the model's context is 256, of which the adapter takes 6");
  CHECK(refusal({{}}) == "prompt 1: has zero tokens: must have at least 1");
  CHECK(cached_greedy_sequences(model, transformer, model.parameters, nullptr, {}, end).empty());
}

TEST_CASE("a control token ends a text and is no part of it", "[train]") {
  const auto folder = hub::folder("").parent_path().parent_path() / "tokenizers" / "smollm2";
  const Model model{load_hugging_face(hub::folder("llama")), tokenize::load_tokenizer(folder)};
  const std::optional<std::int32_t> control = model.tokenizer.id("<|im_end|>");
  REQUIRE(control);
  const EndOfText end{{}, 9};
  Generation generation{{1, 2, 3}, 3};
  const Tokens hello = model.tokenizer.encode("no");
  for (const std::int32_t id : hello) CHECK(generation.add(model, id, end));
  CHECK_FALSE(generation.add(model, *control, end));
  CHECK(generation.ending == Ending::control);
  CHECK(generation.text == "no");
  CHECK(generation.generated() == hello.size());
  // Its spelling in the text is text.
  Generation spelled{{1, 2, 3}, 3};
  for (const std::int32_t id : model.tokenizer.encode("<|im")) CHECK(spelled.add(model, id, end));
  CHECK(spelled.text == "<|im");
}

TEST_CASE("the cache respects its memory limit, but holds at least one sequence", "[train]") {
  const testing::TinyFixture files("generate_memory");
  const model::Config config = files.model().parameters.config();
  const std::size_t one = model::KvCache<model::CpuBackend>::bytes(config, {1, 100});
  const auto sequences = [&](std::size_t most, std::size_t bytes, std::size_t texts) {
    return cache_capacity<model::CpuBackend>({most, bytes}, config, texts, 100).sequences;
  };
  CHECK(sequences(8, 100 * one, 20) == 8);
  CHECK(sequences(8, 100 * one, 3) == 3);
  CHECK(sequences(8, 5 * one + 1, 20) == 5);
  CHECK(sequences(8, one / 2, 20) == 1);
  CHECK(sequences(0, 100 * one, 99) == model::CpuBackend::max_batch_sequences);
  CHECK_THROWS_AS((DecoderOptions{1U << 20U, one}.check()), Error);
  CHECK_THROWS_AS((EndOfText{{"x"}, 0}.check()), Error);
}
