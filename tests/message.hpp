/// @file What an Error says.
#pragma once

#include <string>

#include "zofo/core/error.hpp"

/// The message of the Error that `f` throws; empty if it throws none.
template <class F>
std::string message(F&& f) {
  try {
    f();
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return {};
}

/// Whether a message has a part.
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
