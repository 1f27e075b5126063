/// @file How well a written answer matches the accepted ones: exact match and F1 of SQuAD and of DROP.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/data/task_definition.hpp"
#include "zofo/data/text_forms.hpp"

namespace zofo::data {

/// Exact match (0 or 1) and F1 in [0, 1] of an answer.
struct AnswerScore {
  double exact_match = 0.0;
  double f1 = 0.0;
};

/// A text as SQuAD compares it (evaluate-v1.1.py; Rajpurkar et al., 2016): small letters, without ASCII
/// punctuation, then without the articles, white space made single blanks. Letters beyond the Latin, Greek
/// and Cyrillic alphabets keep their case.
inline std::string squad_form(std::string_view text) {
  std::u32string kept;
  for (const char32_t c : detail::characters(text))
    if (!detail::is_punctuation(c)) kept.push_back(detail::small(c));
  return detail::joined(detail::words(detail::without_articles(kept)));
}

namespace detail {

inline std::vector<std::string> split(const std::string& text, std::string_view at) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  for (std::size_t end = text.find(at); end != std::string::npos; end = text.find(at, from)) {
    parts.push_back(text.substr(from, end - from));
    from = end + at.size();
  }
  parts.push_back(text.substr(from));
  return parts;
}

inline double harmonic(double common, std::size_t predicted, std::size_t reference) {
  if (common == 0) return 0.0;
  return 2.0 * common / static_cast<double>(predicted + reference);
}

}  // namespace detail

/// SQuAD's score of `prediction` against one reference: F1 of the words as multisets. Two answers without any
/// word agree (as in SQuAD 2).
inline AnswerScore squad_score(std::string_view prediction, std::string_view reference) {
  const std::string given = squad_form(prediction), wanted = squad_form(reference);
  AnswerScore score{given == wanted ? 1.0 : 0.0, 0.0};
  if (given.empty() || wanted.empty()) return {score.exact_match, score.exact_match};
  std::map<std::string, std::ptrdiff_t> left;
  const std::vector<std::string> given_words = detail::split(given, " "),
                                 wanted_words = detail::split(wanted, " ");
  for (const std::string& word : wanted_words) ++left[word];
  double common = 0;
  for (const std::string& word : given_words)
    if (left[word]-- > 0) ++common;
  score.f1 = detail::harmonic(common, given_words.size(), wanted_words.size());
  return score;
}

/// A text as DROP compares it (drop_eval.py; Dua et al., 2019): cut at blanks and hyphens; each part in small
/// letters, a number in one spelling, anything else without ASCII punctuation and articles.
inline std::string drop_form(std::string_view text) {
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
      part.push_back(detail::small(c));
  }
  take();
  return result;
}

namespace detail {

using Bag = std::set<std::string>;

inline Bag bag_of(const std::string& form) {
  Bag bag;
  for (const std::string& word : split(form, " "))
    if (!word.empty()) bag.insert(word);
  return bag;
}

inline std::size_t common(const Bag& a, const Bag& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](const auto& w) { return b.contains(w); }));
}

inline double bag_f1(const Bag& given, const Bag& wanted) {
  if (given.empty() && wanted.empty()) return 1.0;
  const auto shared = static_cast<double>(common(given, wanted));
  const double precision = given.empty() ? 1.0 : shared / static_cast<double>(given.size());
  const double recall = wanted.empty() ? 1.0 : shared / static_cast<double>(wanted.size());
  return precision + recall == 0 ? 0.0 : 2 * precision * recall / (precision + recall);
}

/// Numbers of the reference must be met: one of them at least, if it has any.
inline bool numbers_match(const Bag& given, const Bag& wanted) {
  Bag numbers;
  for (const std::string& word : wanted)
    if (number(word)) numbers.insert(word);
  return numbers.empty() || common(numbers, given) > 0;
}

/// The largest sum of a one-to-one matching of rows and columns (the Hungarian method with potentials, for a
/// matrix of at most as many rows as columns).
inline double best_matching(const std::vector<std::vector<double>>& gain) {
  const std::size_t rows = gain.size(), columns = gain.front().size();
  std::vector<double> u(rows + 1, 0.0), v(columns + 1, 0.0);
  std::vector<std::size_t> row_of(columns + 1, 0), way(columns + 1, 0);
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
        if (slack < least[j]) least[j] = slack, way[j] = column;
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
    for (; column != 0; column = way[column]) row_of[column] = row_of[way[column]];
  }
  double sum = 0.0;
  for (std::size_t j = 1; j <= columns; ++j)
    if (row_of[j] != 0) sum += gain[row_of[j] - 1][j - 1];
  return sum;
}

}  // namespace detail

/// DROP's score of the spans `prediction` against one reference: spans are matched one to one so that the sum
/// of their F1 is largest, and the mean is over the longer list; F1 is rounded to two digits as published.
inline AnswerScore drop_score(std::span<const std::string> prediction,
                              std::span<const std::string> reference) {
  require(!prediction.empty() && !reference.empty(), "DROP's score: needs a span on both sides");
  std::vector<std::string> given, wanted;
  for (const std::string& span : prediction) given.push_back(drop_form(span));
  for (const std::string& span : reference) wanted.push_back(drop_form(span));
  const bool swap = wanted.size() > given.size();
  std::vector<std::vector<double>> gain(std::min(given.size(), wanted.size()));
  for (std::size_t i = 0; i < given.size(); ++i)
    for (std::size_t j = 0; j < wanted.size(); ++j) {
      const detail::Bag mine = detail::bag_of(given[i]), theirs = detail::bag_of(wanted[j]);
      gain[swap ? i : j].push_back(detail::numbers_match(mine, theirs) ? detail::bag_f1(mine, theirs) : 0.0);
    }
  const double longer = static_cast<double>(std::max(given.size(), wanted.size()));
  AnswerScore score;
  score.f1 = std::nearbyint(100.0 * detail::best_matching(gain) / longer) / 100.0;
  const bool same = std::set(given.begin(), given.end()) == std::set(wanted.begin(), wanted.end());
  score.exact_match = same && given.size() == wanted.size() ? 1.0 : 0.0;
  return score;
}

/// The score of a written answer, the best over the references in each of the two figures. For DROP the spans
/// of a text are what " and " joins. Error when there are no references.
inline AnswerScore answer_score(AnswerRule rule, const std::string& prediction,
                                std::span<const std::string> references) {
  require(!references.empty(), "references: 0: must be at least 1");
  AnswerScore best;
  for (const std::string& reference : references) {
    const AnswerScore score = rule == AnswerRule::squad ? squad_score(prediction, reference)
                                                        : drop_score(detail::split(prediction, " and "),
                                                                     detail::split(reference, " and "));
    best.exact_match = std::max(best.exact_match, score.exact_match);
    best.f1 = std::max(best.f1, score.f1);
  }
  return best;
}

}  // namespace zofo::data
