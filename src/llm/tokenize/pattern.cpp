#include "zofo/tokenize/pattern.hpp"

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include <array>
#include <cstdint>
#include <type_traits>

#include "zofo/core/error.hpp"

namespace zofo::tokenize {

static_assert(std::is_same_v<pcre2_real_code_8, pcre2_code> &&
                  std::is_same_v<pcre2_real_match_data_8, pcre2_match_data>,
              "pattern.hpp must declare the types of this version of PCRE2");

namespace {

std::string message(int error) {
  std::array<PCRE2_UCHAR, 256> buffer{};
  pcre2_get_error_message(error, buffer.data(), buffer.size());
  return reinterpret_cast<const char*>(buffer.data());
}

}  // namespace

void Pattern::FreeMatch::operator()(pcre2_match_data* match) const { pcre2_match_data_free(match); }

Pattern::Pattern(const std::string& source) {
  int error = 0;
  std::size_t offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(source.data()), source.size(),
                                   PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  require(code != nullptr, "pattern '{}', offset {}: {}", source, offset, message(error));
  code_ = std::shared_ptr<const pcre2_code>(
      code, [](const pcre2_code* c) { pcre2_code_free(const_cast<pcre2_code*>(c)); });
  std::string own;
  names_newer_ = with_older_characters(source, own).data() != source.data();
  // On failure matching is interpreted, which is slower and gives the same result.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
}

bool Pattern::may_match_nothing() const {
  std::uint32_t empty = 0;
  pcre2_pattern_info(code_.get(), PCRE2_INFO_MATCHEMPTY, &empty);
  return empty != 0;
}

Pattern::Match Pattern::match() const {
  Match match(pcre2_match_data_create(1, nullptr));
  require(match != nullptr, "PCRE2: not enough memory for match data");
  return match;
}

bool Pattern::find(std::string_view text, std::size_t start, pcre2_match_data* match,
                   std::pair<std::size_t, std::size_t>& found) const {
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), start, options,
                       match, nullptr);
  };
  int count = run(PCRE2_NO_UTF_CHECK);
  if (count == PCRE2_ERROR_JIT_STACKLIMIT) {  // the interpreter backtracks on the heap
    count = run(PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT);
  }
  if (count == PCRE2_ERROR_NOMATCH) return false;
  require(count > 0, "splitting text at byte {}: {}", start, message(count));
  const std::size_t* span = pcre2_get_ovector_pointer(match);
  require(span[1] > span[0], "pattern: matched nothing at byte {}; it must match at least one character",
          span[0]);
  found = {span[0], span[1]};
  return true;
}

}  // namespace zofo::tokenize
