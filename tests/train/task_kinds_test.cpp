#include <algorithm>
#include <cmath>
#include <fstream>

#include "catch.hpp"
#include "problem_calls.hpp"
#include "tiny_fixture.hpp"
#include "zofo/config/method_presets.hpp"
#include "zofo/lm/calibrate.hpp"
#include "zofo/lm/evaluate_task.hpp"
#include "zofo/train/device.hpp"
#include "zofo/train/language_problem.hpp"
#include "zofo/train/training.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

constexpr BatchKey kind_batch_f{1, 0, 0};
constexpr BatchKey kind_batch_g{1, 0, 1};

const std::string labels = "label_field = \"label\"\n[label_map]\n0 = 0\n1 = 1\n";
const std::string gap =
    "kind = \"candidates\"\nprompt = \" {candidate} {text}\"\ncandidates = [\" no\", \" yes sir\"]\n"
    "continuation = \" :{label}\"\n";
const std::string ending =
    "kind = \"candidates\"\nprompt = \" {text} :\"\ncandidates = [\"no way\", \"yes\"]\ncontinuation = \" "
    "{candidate}\"\n";
const std::string generated =
    "kind = \"generate\"\nprompt = \" {text} :\"\ncontinuation = \" {answer}\\n\"\nanswers_field = "
    "\"text\"\n";

// The tiny model with its examples under another task file.
struct KindFixture {
  testing::TinyFixture files{"task_kinds"};
  Model model = files.model();
  data::TaskData data = files.data();
  peft::Lora lora{model.parameters.config(), {4, 8.0F, {"q", "v"}}};
  model::Transformer transformer{model.parameters.config(), lora};

  explicit KindFixture(const std::string& toml) {
    std::ofstream(files.folder / "task" / "task.toml") << toml;
    data = files.data();
  }
  Eigen::VectorXf random(std::uint64_t seed) const {
    Eigen::VectorXf x(static_cast<Eigen::Index>(lora.size()));
    normals(Direction{seed, 0, 0}, 0, 0, x.data(), lora.size());
    return 0.1F * x;
  }
  std::vector<EncodedExample> encoded(Purpose purpose, std::span<const std::string> shown = {}) const {
    return encode_examples(ExampleEncoder(model, data.task, purpose, shown), data.train, 0, "train.jsonl");
  }
};

}  // namespace

TEST_CASE("contexts are read between prompt and answer choice", "[train]") {
  const OptionTokens options{{{7, 8}, {7, 8}}, {{4}, {5, 6}}, data::Score::mean};
  model::Batch batch;
  pack_example(batch, {1, 2}, options, 0);
  CHECK(batch.tokens == std::vector<std::int32_t>{1, 2, 4, 7, 1, 2, 5, 6, 7});
  REQUIRE(batch.targets.size() == 4);
  CHECK(batch.targets[0].position == 2);
  CHECK(batch.targets[2].position == 3);
  CHECK(batch.targets[3].token == 8);
  CHECK(option_scores(std::vector<double>{-1, -2, -4, -6}, options) == std::vector<double>{-1.5, -5});
}

TEST_CASE("the gradient of an example's loss agrees with differences", "[train]") {
  for (const data::Score score : {data::Score::sum, data::Score::mean})
    for (const data::Loss loss : {data::Loss::choices, data::Loss::answer}) {
      const OptionTokens options{{{1, 2, 3}, {4}, {5, 6}}, {}, score, loss, {0.5, -0.25, 1.0}};
      std::vector<double> logprobs{-1.0, -0.5, -2.0, -3.0, -0.7, -1.1}, gradient(6, 0.0);
      example_loss(logprobs, options, 2, 3.0, gradient);
      for (std::size_t i = 0; i < logprobs.size(); ++i) {
        constexpr double step = 1e-5;
        std::vector<double> more = logprobs, less = logprobs;
        more[i] += step;
        less[i] -= step;
        const double wanted =
            3.0 * (example_loss(more, options, 2) - example_loss(less, options, 2)) / (2 * step);
        CHECK(gradient[i] == Approx(wanted).margin(1e-9));
      }
    }
}

TEST_CASE("candidates and generated answers train: the gradient agrees with central differences", "[train]") {
  for (const std::string& toml : {gap + labels, "score = \"mean\"\n" + ending + labels,
                                  "loss = \"answer\"\n" + ending + labels, generated}) {
    INFO(toml);
    KindFixture f(toml);
    const std::vector<EncodedExample> all = f.encoded(Purpose::training);
    const TaskExamples examples{{all.begin(), all.begin() + 8}, {all.begin() + 8, all.end()}};
    LanguageProblem problem(f.transformer, {{{&examples}}}, {.batch_size = 4});
    const Eigen::VectorXf p = f.random(3);
    Eigen::VectorXf gradient;
    const model::Parameters& theta = f.model.parameters;
    const double value =
        testing::gradient(problem, theta, p, 1.0, 2.0, {kind_batch_f, kind_batch_g}, gradient);
    const auto at = [&](const Eigen::VectorXf& x) {
      return testing::loss(problem, theta, x, Level::upper, kind_batch_f) +
             2.0 * testing::loss(problem, theta, x, Level::lower, kind_batch_g);
    };
    CHECK(value == Approx(at(p)).epsilon(1e-5));
    const Eigen::VectorXf along = gradient.normalized();
    const float step = 1e-2F;
    const double derivative = (at(p + step * along) - at(p - step * along)) / (2.0 * step);
    CHECK(derivative == Approx(gradient.norm()).epsilon(5e-3));
  }
}

TEST_CASE("a loss of only the answer packs no other choice", "[train]") {
  KindFixture f("loss = \"answer\"\nprompt = \" {text} :\"\noptions = [\" no\", \" yes\"]\n" + labels);
  const auto training = f.encoded(Purpose::training), scoring = f.encoded(Purpose::scoring);
  for (std::size_t i = 0; i < training.size(); ++i) {
    CHECK(training[i].options->options.size() == 1);
    CHECK(training[i].options->options.front() ==
          scoring[i].options->options.at(static_cast<std::size_t>(scoring[i].label)));
    CHECK(scoring[i].options == scoring[0].options);  // one object for all examples
  }
}

TEST_CASE("calibration subtracts the score after the neutral prompt", "[train]") {
  for (const std::string& toml :
       {"prompt = \" {text} :\"\noptions = [\" no\", \" yes\"]\n" + labels, ending + labels}) {
    KindFixture f(toml);
    const ExampleEncoder encoder(f.model, f.data.task, Purpose::scoring);
    std::vector<EncodedExample> examples = encode_examples(encoder, f.data.train, 4, "train.jsonl");
    const auto plain = score_examples(f.transformer, f.model.parameters, nullptr, examples);
    calibrate(f.transformer, f.model.parameters, nullptr, encoder, examples, "train.jsonl");
    const auto calibrated = score_examples(f.transformer, f.model.parameters, nullptr, examples);
    const EncodedExample neutral{encode_prompt(f.model, ":"), 0, encoder(f.data.train[0], "").options};
    const auto base =
        score_examples(f.transformer, f.model.parameters, nullptr, std::span(&neutral, 1)).front();
    for (std::size_t i = 0; i < examples.size(); ++i)
      for (std::size_t option = 0; option < 2; ++option)
        CHECK(calibrated[i][option] == Approx(plain[i][option] - base[option]).margin(1e-4));
  }
}

TEST_CASE("demonstrations are put before the prompt as far as they fit", "[train]") {
  KindFixture f("prompt = \" {text} :\"\noptions = [\" no\", \" yes\"]\nseparator = \" | \"\n" + labels);
  const std::vector<std::string> shown{" stone : no", " river : yes"};
  const auto text = [&](std::size_t i) {
    return f.model.tokenizer.decode(f.encoded(Purpose::scoring, shown)[i].prompt);
  };
  CHECK(text(3) == " stone : no |  river : yes | " + f.data.train[3].prompt);
  f.data.task.max_prompt_tokens = encode_prompt(f.model, text(3)).size() - 1;
  CHECK(text(3) == " river : yes | " + f.data.train[3].prompt);
  const std::vector<std::string> far(40, " stone river stone river stone river : no");
  for (const EncodedExample& example : f.encoded(Purpose::scoring, far))
    CHECK(example.prompt.size() <= f.model.parameters.config().context);
}

TEST_CASE("a greedy text is the most probable token each time", "[train]") {
  KindFixture f(generated);
  const std::vector<EncodedExample> examples = f.encoded(Purpose::scoring);
  const std::vector<Tokens> prompts{examples[0].prompt, examples[1].prompt};
  const auto texts =
      greedy_sequences(f.model, f.transformer, f.model.parameters, nullptr, prompts, {{"no such text"}, 5});
  REQUIRE(texts.size() == 2);
  OptionTokens every;
  for (std::int32_t id = 0; id < static_cast<std::int32_t>(f.model.tokenizer.size()); ++id)
    every.options.push_back({id});
  const auto options = std::make_shared<const OptionTokens>(every);
  for (std::size_t i = 0; i < 2; ++i) {
    EncodedExample example{prompts[i], 0, options};
    for (int step = 0; step < 5; ++step) {
      const auto scores =
          score_examples(f.transformer, f.model.parameters, nullptr, std::span(&example, 1)).front();
      example.prompt.push_back(static_cast<std::int32_t>(std::ranges::max_element(scores) - scores.begin()));
    }
    CHECK(texts[i] == f.model.tokenizer.decode(std::span(example.prompt).subspan(prompts[i].size())));
    // A stop ends the text before it.
    const std::string stop = texts[i].substr(texts[i].size() / 2, 1);
    const auto cut = greedy_sequences(f.model, f.transformer, f.model.parameters, nullptr,
                                      std::span(&prompts[i], 1), {{stop}, 5});
    CHECK(cut.front() == texts[i].substr(0, texts[i].find(stop)));
  }
}

TEST_CASE("texts of a generator are compared with the references", "[train]") {
  KindFixture f(generated);
  const std::vector<EncodedExample> examples = f.encoded(Purpose::scoring);
  const Generator first_right = [&](std::span<const Tokens> prompts, const EndOfText& end) {
    CHECK(end.stop == std::vector<std::string>{"\n"});
    std::vector<std::string> texts(prompts.size(), "nothing of it");
    texts[0] = " The " + f.data.train[0].references.front() + ".";
    return texts;
  };
  const auto count = static_cast<double>(examples.size());
  CHECK(evaluate_generated(first_right, examples, f.data.task).exact_match == Approx(1.0 / count));
  const Generator none = [](std::span<const Tokens>, const EndOfText&) { return std::vector<std::string>{}; };
  CHECK_THROWS_AS(evaluate_generated(none, examples, f.data.task), Error);
  const Scores scores = evaluate(f.transformer, f.model.parameters, nullptr, examples);
  CHECK(std::isnan(scores.accuracy));
  CHECK(scores.loss > 0);
}

TEST_CASE("generation is planned with the cache that it uses", "[train]") {
  const KindFixture f(generated);
  const std::vector<EncodedExample> examples = f.encoded(Purpose::scoring);
  const model::Config& config = f.model.parameters.config();
  std::size_t longest = 0;
  for (const EncodedExample& example : examples) longest = std::max(longest, example.prompt.size());
  const SequenceBounds bounds = generation_bounds<model::CpuBackend>(config, 3, examples, f.data.task);
  CHECK(bounds.cache.positions == longest + 3 + f.data.task.max_new_tokens - 1);
  CHECK(bounds.cache.sequences == std::min(examples.size(), model::CpuBackend::max_batch_sequences));
  CHECK(bounds.prompt_tokens >= longest);
  data::Task chosen = f.data.task;
  chosen.kind = data::Kind::choice;
  CHECK(generation_bounds<model::CpuBackend>(config, 3, examples, chosen).cache.sequences == 0);
}

namespace {

// A device without memory for generation.
struct FullDevice : CpuDevice {
  PassExamples reserved = {};
  void reserve(const model::Config&, const peft::Adapter&, const ExampleBounds&, const PassExamples& passes,
               bool) {
    reserved = passes;
    require(passes.generation.cache.sequences == 0, "no memory for generation");
  }
};

}  // namespace

TEST_CASE("a run whose generation does not fit ends before its first step", "[train]") {
  KindFixture f(generated);
  FullDevice device;
  RunOptions options = preset(Method::lora);
  options.max_steps = 2;
  const RunFolder folder(f.files.folder / "run");
  Progress progress("test", nullptr);
  const auto run = [&] {
    const std::vector<RunTask> tasks = encode_tasks(f.model, {f.data}, options);
    Training<FullDevice> training(device, {f.model, tasks, options, folder, progress}, [] { return false; });
    return training.run();
  };
  CHECK_THROWS_WITH(run(), "no memory for generation");
  CHECK(device.reserved.generation.cache.positions > f.data.task.max_new_tokens);
  CHECK(device.reserved.gradient > 0);
  CHECK_FALSE(std::filesystem::exists(folder.file("options.toml")));
  f.data.task.kind = data::Kind::candidates;  // nothing is generated then
  CHECK(run().steps == 2);
}
