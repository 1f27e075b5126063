/// @file Scores of a generated answer against reference answers: exact match and F1 of SQuAD and of DROP.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "zofo/data/task_definition.hpp"

namespace zofo::data {

/// Scores of an answer.
struct AnswerScore {
  double exact_match = 0.0;  ///< 0 or 1
  double f1 = 0.0;           ///< in [0, 1]
};

/// A text normalised as by SQuAD's scorer (evaluate-v1.1.py; Rajpurkar et al., 2016): lower case, without
/// ASCII punctuation, then without articles, white space reduced to single blanks. Only letters of the Latin,
/// Greek and Cyrillic alphabets change case.
std::string squad_form(std::string_view text);

/// SQuAD's score of `prediction` against one reference: F1 of the words as multisets. Two answers without
/// words agree (as in SQuAD 2).
AnswerScore squad_score(std::string_view prediction, std::string_view reference);

/// A text normalised as by DROP's scorer (drop_eval.py; Dua et al., 2019): split at blanks and hyphens. Each
/// part is changed to lower case; a number gets one spelling, any other part loses ASCII punctuation and
/// articles.
std::string drop_form(std::string_view text);

/// DROP's score of the spans `prediction` against the spans of one reference. Spans are matched one to one
/// such that the sum of their F1 is largest; F1 is that sum over the length of the longer list, rounded to
/// two digits as published. Throws Error if a list is empty.
AnswerScore drop_score(std::span<const std::string> prediction, std::span<const std::string> reference);

/// The score of a generated answer: for each of the two metrics the maximum over the references. DROP's spans
/// are the parts of a text between " and ". Throws Error without references.
AnswerScore answer_score(AnswerRule rule, const std::string& prediction,
                         std::span<const std::string> references);

}  // namespace zofo::data
