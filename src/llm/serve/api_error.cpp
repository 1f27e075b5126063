#include "zofo/serve/api_error.hpp"

#include <nlohmann/json.hpp>

#include "zofo/parse/json.hpp"

namespace zofo::serve {

std::string ApiError::body() const {
  const auto or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::json(nullptr) : nlohmann::json(text);
  };
  return parse::json_text({{"error",
                            {{"message", what()},
                             {"type", status_ < 500 ? "invalid_request_error" : "server_error"},
                             {"param", or_null(param_)},
                             {"code", or_null(code_)}}}});
}

}  // namespace zofo::serve
