/// @file Whether a string of an untrusted file may be printed in an error message.
#pragma once

#include <string_view>

namespace zofo::checkpoint {

/// Whether `text` is valid UTF-8 (Unicode 15, table 3-7) without control characters, so that messages may
/// contain it.
bool is_printable_utf8(std::string_view text);

}  // namespace zofo::checkpoint
