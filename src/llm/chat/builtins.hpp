/// @file The filters, tests, functions and methods that templates may use.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/chat/runtime.hpp"

namespace zofo::chat {

bool is_filter(std::string_view name);
std::vector<std::string> filter_names();
/// value | name(arguments).
Value apply_filter(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime);

bool is_test(std::string_view name);
std::vector<std::string> test_names();
/// value is name(arguments).
bool apply_test(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime);

/// The functions that every template can call, by name; null for other names.
std::shared_ptr<Object> function_called(const std::string& name);
Value call_function(std::string_view name, Arguments& arguments, Runtime& runtime);

/// Whether Python's type of the value has a method of this name, supported or not.
bool has_method(const Value& value, std::string_view name);
/// value.name(arguments). Throws Error for a method that is not supported.
Value call_method(const Value& value, const std::string& name, Arguments& arguments, Runtime& runtime);

}  // namespace zofo::chat
