/// @file Errors as OpenAI's API reports them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "zofo/core/error_type.hpp"

namespace zofo::serve {

/// A request that is answered with an error.
class ApiError : public Error {
 public:
  /// `status`: of HTTP, from 400; `param`: the field that is wrong, or empty; `code`: a word for programs, or
  /// empty.
  ApiError(int status, std::string param, std::string code, const std::string& message)
      : Error(message), status_(status), param_(std::move(param)), code_(std::move(code)) {}

  ///@{
  /// As given to the constructor.
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::string& param() const { return param_; }
  [[nodiscard]] const std::string& code() const { return code_; }
  ///@}

  /// {"error": {"message", "type", "param", "code"}}.
  [[nodiscard]] std::string body() const;

 private:
  int status_;
  std::string param_, code_;
};

/// Throws ApiError of status 400 about a field of the request, with a formatted message.
template <class... Args>
[[noreturn]] void refuse(std::string_view param, fmt::format_string<Args...> format, Args&&... args) {
  throw ApiError(400, std::string(param), "", fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace zofo::serve
