/// @file The filters of lists and mappings.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "llm/chat/runtime.hpp"

namespace zofo::chat {

/// A filter: the value after it.
using Filter = Value (*)(const Value&, Arguments&, Runtime&);

/// Adds those of this file.
void add_list_filters(std::map<std::string, Filter, std::less<>>& filters);

}  // namespace zofo::chat
