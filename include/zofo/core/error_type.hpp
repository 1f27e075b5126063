/// @file The library's exception, without fmt, for code that nvcc compiles.
#pragma once

#include <stdexcept>

namespace zofo {

/// Bad input: the message names the file, line, tensor or field, its value and what is allowed. Programs exit
/// with code 2.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace zofo
