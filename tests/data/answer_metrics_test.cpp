#include "zofo/data/answer_metrics.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "zofo/core/error.hpp"

using namespace zofo::data;

TEST_CASE("texts are normalised like in the published scorers") {
  // Worked out by hand from evaluate-v1.1.py and drop_eval.py.
  CHECK(squad_form("The  Cat's, an APPLE-pie!") == "cats applepie");
  CHECK(squad_form("theatre; anthem") == "theatre anthem");
  CHECK(drop_form("The 5-yard pass, $3,000") == "5 yard pass 3000");
  CHECK(drop_form("2.50") == drop_form("2.5"));
}

TEST_CASE("F1 worked out by hand") {
  const AnswerScore half = squad_score("the red house", "red car");  // one of two words on both sides
  CHECK(half.f1 == Approx(0.5));
  CHECK(half.exact_match == 0.0);
  CHECK(squad_score("house house", "house").f1 == Approx(2.0 / 3));  // 1/2 and 1
  // Two spans, one of them right, the other without a common word: (1 + 0) / 2.
  const std::vector<std::string> given{"Ann", "Bo"}, wanted{"Cy", "Ann"};
  CHECK(drop_score(given, wanted).f1 == Approx(0.5));
  // Without the reference's number the score is 0.
  CHECK(answer_score(AnswerRule::drop, "3 field goals", std::vector<std::string>{"4 field goals"}).f1 == 0.0);
}

TEST_CASE("scores equal those of an independent program") {
  // tests/golden/generators/answers.py
  std::ifstream file(std::string(ZOFO_SOURCE_DIR) + "/tests/golden/answers.json");
  REQUIRE(file.good());
  const nlohmann::json cases = nlohmann::json::parse(file);
  REQUIRE(cases.size() >= 40);
  for (const auto& each : cases) {
    const auto prediction = each.at("prediction").get<std::string>();
    const auto references = each.at("references").get<std::vector<std::string>>();
    INFO(each.dump());
    for (const auto& [rule, name] :
         {std::pair{AnswerRule::squad, "squad"}, std::pair{AnswerRule::drop, "drop"}}) {
      const AnswerScore score = answer_score(rule, prediction, references);
      CHECK(score.exact_match == each.at(name).at(0).get<double>());
      CHECK(score.f1 == Approx(each.at(name).at(1).get<double>()).epsilon(1e-12));
    }
  }
}

TEST_CASE("an answer without references is an error") {
  CHECK_THROWS_AS(answer_score(AnswerRule::squad, "a", {}), zofo::Error);
}
