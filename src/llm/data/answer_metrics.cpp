#include "zofo/data/answer_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "text_forms.hpp"
#include "zofo/core/error.hpp"

namespace zofo::data {

namespace {

// The parts of a text between occurrences of `at`.
std::vector<std::string> split(const std::string& text, std::string_view at) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t end = text.find(at); end != std::string::npos; end = text.find(at, from)) {
    parts.push_back(text.substr(from, end - from));
    from = end + at.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

// F1 from the number of common words and the two lengths.
double harmonic(double common, std::size_t predicted, std::size_t reference) {
  if (common == 0) return 0.0;
  return 2.0 * common / static_cast<double>(predicted + reference);
}

// The distinct words of a span.
using Bag = std::set<std::string>;

Bag bag_of(const std::string& form) {
  Bag bag;
  for (const std::string& word : split(form, " "))
    if (!word.empty()) bag.insert(word);
  return bag;
}

std::size_t common(const Bag& a, const Bag& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](const auto& w) { return b.contains(w); }));
}

double bag_f1(const Bag& given, const Bag& wanted) {
  if (given.empty() && wanted.empty()) return 1.0;
  const auto shared = static_cast<double>(common(given, wanted));
  const double precision = given.empty() ? 1.0 : shared / static_cast<double>(given.size());
  const double recall = wanted.empty() ? 1.0 : shared / static_cast<double>(wanted.size());
  return precision + recall == 0 ? 0.0 : 2 * precision * recall / (precision + recall);
}

// If the reference has numbers, the answer must have at least one of them.
bool numbers_match(const Bag& given, const Bag& wanted) {
  Bag numbers;
  for (const std::string& word : wanted)
    if (detail::number(word)) numbers.insert(word);
  return numbers.empty() || common(numbers, given) > 0;
}

// The largest sum of a one-to-one matching of rows and columns: the Hungarian method with potentials (Kuhn
// 1955), for a matrix with at most as many rows as columns.
double best_matching(const std::vector<std::vector<double>>& gain) {
  const std::size_t rows = gain.size(), columns = gain.front().size();
  std::vector<double> u(rows + 1, 0.0), v(columns + 1, 0.0);
  std::vector<std::size_t> row_of(columns + 1, 0), previous(columns + 1, 0);
  for (std::size_t row = 1; row <= rows; ++row) {
    std::vector<double> least(columns + 1, INFINITY);
    std::vector<bool> used(columns + 1, false);
    std::size_t column = 0;
    for (row_of[0] = row; row_of[column] != 0;) {
      used[column] = true;
      const std::size_t here = row_of[column];
      std::size_t next = 0;
      double step = INFINITY;
      for (std::size_t j = 1; j <= columns; ++j) {
        if (used[j]) continue;
        const double slack = -gain[here - 1][j - 1] - u[here] - v[j];
        if (slack < least[j]) least[j] = slack, previous[j] = column;
        if (least[j] < step) step = least[j], next = j;
      }
      for (std::size_t j = 0; j <= columns; ++j) {
        if (used[j])
          u[row_of[j]] += step, v[j] -= step;
        else
          least[j] -= step;
      }
      column = next;
    }
    for (; column != 0; column = previous[column]) row_of[column] = row_of[previous[column]];
  }
  double sum = 0.0;
  for (std::size_t j = 1; j <= columns; ++j)
    if (row_of[j] != 0) sum += gain[row_of[j] - 1][j - 1];
  return sum;
}

}  // namespace

std::string squad_form(std::string_view text) {
  std::u32string kept;
  for (const char32_t c : detail::characters(text))
    if (!detail::is_punctuation(c)) kept.push_back(detail::lower_case(c));
  return detail::joined(detail::words(detail::without_articles(kept)));
}

AnswerScore squad_score(std::string_view prediction, std::string_view reference) {
  const std::string given = squad_form(prediction), wanted = squad_form(reference);
  AnswerScore score{given == wanted ? 1.0 : 0.0, 0.0};
  if (given.empty() || wanted.empty()) return {score.exact_match, score.exact_match};
  std::map<std::string, std::ptrdiff_t> remaining;
  const std::vector<std::string> given_words = split(given, " "), wanted_words = split(wanted, " ");
  for (const std::string& word : wanted_words) ++remaining[word];
  double common = 0;
  for (const std::string& word : given_words)
    if (remaining[word]-- > 0) ++common;
  score.f1 = harmonic(common, given_words.size(), wanted_words.size());
  return score;
}

std::string drop_form(std::string_view text) {
  std::string result;
  std::u32string part;
  const auto take = [&] {
    std::string plain = detail::joined({part});
    std::u32string kept = part;
    if (!detail::number(plain)) std::erase_if(kept, detail::is_punctuation);
    plain = detail::joined({kept});
    if (const auto value = detail::number(plain))
      plain = fmt::format("{}", *value);
    else
      plain = detail::joined(detail::words(detail::without_articles(kept)));
    if (!plain.empty()) result += (result.empty() ? "" : " ") + plain;
    part.clear();
  };
  for (const char32_t c : detail::characters(text)) {
    if (c == U' ' || c == U'-')
      take();
    else
      part.push_back(detail::lower_case(c));
  }
  take();
  return result;
}

AnswerScore drop_score(std::span<const std::string> prediction, std::span<const std::string> reference) {
  require(!prediction.empty() && !reference.empty(),
          "DROP's score: both lists of spans must have at least one");
  std::vector<std::string> given, wanted;
  for (const std::string& span : prediction) given.push_back(drop_form(span));
  for (const std::string& span : reference) wanted.push_back(drop_form(span));
  const bool swap = wanted.size() > given.size();
  std::vector<std::vector<double>> gain(std::min(given.size(), wanted.size()));
  for (std::size_t i = 0; i < given.size(); ++i)
    for (std::size_t j = 0; j < wanted.size(); ++j) {
      const Bag mine = bag_of(given[i]), theirs = bag_of(wanted[j]);
      gain[swap ? i : j].push_back(numbers_match(mine, theirs) ? bag_f1(mine, theirs) : 0.0);
    }
  const double longer = static_cast<double>(std::max(given.size(), wanted.size()));
  AnswerScore score;
  score.f1 = std::nearbyint(100.0 * best_matching(gain) / longer) / 100.0;
  const bool same = std::set(given.begin(), given.end()) == std::set(wanted.begin(), wanted.end());
  score.exact_match = same && given.size() == wanted.size() ? 1.0 : 0.0;
  return score;
}

AnswerScore answer_score(AnswerRule rule, const std::string& prediction,
                         std::span<const std::string> references) {
  require(!references.empty(), "references: 0: must be at least 1");
  AnswerScore best;
  for (const std::string& reference : references) {
    const AnswerScore score = rule == AnswerRule::squad
                                  ? squad_score(prediction, reference)
                                  : drop_score(split(prediction, " and "), split(reference, " and "));
    best.exact_match = std::max(best.exact_match, score.exact_match);
    best.f1 = std::max(best.f1, score.f1);
  }
  return best;
}

}  // namespace zofo::data
