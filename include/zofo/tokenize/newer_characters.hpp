/// @file Characters that the PCRE2 library may not know yet: those of Unicode 15 to 16.
#pragma once

#include <string>
#include <string_view>

namespace zofo::tokenize {

/// `text` (valid UTF-8) itself where it has no character that Unicode 15, 15.1 or 16 added, else a view of
/// `own`, in which each such character is replaced by an older one of the same general category and the same
/// number of bytes (of CJK ideographs, by one of them). A pattern therefore matches the same bytes of it that
/// an engine with Unicode 16 matches in `text`, unless it names such characters itself.
std::string_view with_older_characters(std::string_view text, std::string& own);

}  // namespace zofo::tokenize
