// The answer of zofo methods --advise as text.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace zofo::cli {

// {"method", "options", "reason"} of a report. The method is null if nothing fits.
nlohmann::json recommendation(const nlohmann::json& report);

// The report as text.
std::string advice_text(const nlohmann::json& report);

}  // namespace zofo::cli
