// A batch worked off in pieces beside the same rows in one.
#include "zofo/train/gradient_accumulation.hpp"

#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "tiny_fixture.hpp"
#include "zofo/bilevel/solver.hpp"
#include "zofo/runtime/any_perturbation.hpp"
#include "zofo/lm/encode_examples.hpp"
#include "zofo/train/language_problem.hpp"

using namespace zofo;
using namespace zofo::llm;

TEST_CASE("pieces of a batch have the mean and the gradient of the whole", "[tune]") {
  const testing::TinyFixture files("accumulated");
  Model model = files.model();
  const data::TaskData data = files.data();
  const auto rows =
      encode_rows(RowEncoder(model, data.task, Purpose::training), data.train, 0, "train.jsonl");
  const std::vector<EncodedRow> upper(rows.begin(), rows.begin() + 12), lower(rows.begin() + 12, rows.end());
  const peft::Lora lora(model.parameters.config(), {.rank = 2, .alpha = 4.0F});
  model::Transformer transformer(model.parameters.config(), lora);
  const auto problem = [&](std::size_t batch) {
    return LanguageProblem(transformer, {upper, lower, batch, true});
  };
  Accumulated pieces(problem(2), 3);
  Accumulated whole(problem(6), 1);
  const model::Parameters& theta = model.parameters;
  Eigen::VectorXf p = lora.initial(1), s = lora.initial(2);
  p.array() += 0.01F;  // B, which starts at 0, takes part
  const AnyLaw law{Gaussian{}};
  const Probe probes[] = {{{1, 0, 0}, 1e-3}, {{1, 0, 0}, -1e-3}};

  for (std::uint32_t step = 0; step < 5; ++step) {  // 5 · 6 rows: across the borders of epochs
    INFO("step " << step);
    const BatchKey f{4, step, 0}, g{4, step, 1};
    // fp32 sums in another order: a few units in the last place of the terms.
    const auto close = [](double a, double b) { CHECK(a == Approx(b).epsilon(1e-5)); };
    close(pieces.upper(theta, p, f), whole.upper(theta, p, f));
    close(pieces.lower(theta, p, g), whole.lower(theta, p, g));
    Eigen::VectorXf a(p.size()), b(p.size());
    close(pieces.lower_gradient(theta, s, g, a), whole.lower_gradient(theta, s, g, b));
    CHECK((a - b).norm() < 1e-5 * b.norm());
    close(pieces.upper_gradient(theta, p, f, a), whole.upper_gradient(theta, p, f, b));
    CHECK((a - b).norm() < 1e-5 * b.norm());
    close(pieces.penalty_gradient(theta, p, 3.0, f, g, a), whole.penalty_gradient(theta, p, 3.0, f, g, b));
    CHECK((a - b).norm() < 1e-5 * b.norm());
    Eigen::VectorXf a_s(p.size()), b_s(p.size());
    const auto joint = [&](auto& asked, Eigen::VectorXf& at_p, Eigen::VectorXf& at_s) {
      using Part = JointGradient<std::remove_reference_t<decltype(asked)>>;
      std::vector<Part> parts{{&asked, &p, 1.0, 3.0, {f, g}, &at_p}, {&asked, &s, 0.0, 1.0, {{}, g}, &at_s}};
      asked.joint_gradients(theta, std::span(parts));
      return std::pair(parts[0].value, parts[1].value);
    };
    const auto by_pieces = joint(pieces, a, a_s);
    const auto by_whole = joint(whole, b, b_s);
    close(by_pieces.first, by_whole.first);
    close(by_pieces.second, by_whole.second);
    CHECK((a - b).norm() < 1e-5 * b.norm());
    CHECK((a_s - b_s).norm() < 1e-5 * b_s.norm());
    const auto in_pieces = pieces.penalty_terms(theta, law, probes, p, s, f, g);
    const auto at_once = whole.penalty_terms(theta, law, probes, p, s, f, g);
    const auto values = pieces.upper_values(theta, law, probes, p, f);
    const auto values_at_once = whole.upper_values(theta, law, probes, p, f);
    REQUIRE(in_pieces.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      close(in_pieces[i].upper, at_once[i].upper);
      close(in_pieces[i].lower_p, at_once[i].lower_p);
      close(in_pieces[i].lower_s, at_once[i].lower_s);
      close(values[i], values_at_once[i]);
    }
  }
  CHECK(pieces.problem().work().passes == Approx(3 * whole.problem().work().passes));
  CHECK_THROWS_AS(Accumulated(problem(2), 0), Error);
  CHECK_THROWS_AS(pieces.upper(theta, p, {4, 2'000'000'000, 0}), Error);
}
