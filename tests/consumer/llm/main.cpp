// A user of zofo::llm: calls the compiled part, and libraries that zofo::llm brings.
#include <cblas.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "zofo/core/error.hpp"
#include "zofo/core/version.hpp"
#include "zofo/run/data_folder.hpp"

int main() {
  bool refused = false;
  try {  // no task definitions are installed next to this program
    zofo::llm::find_data(zofo::llm::task_definitions);
  } catch (const zofo::Error& error) {
    refused = std::string(error.what()).find("the task definitions: not found") != std::string::npos;
  }
  const std::array<float, 2> x{1.0F, 2.0F};
  const float dot = cblas_sdot(2, x.data(), 1, x.data(), 1);
  const nlohmann::json result{{"refused", refused}, {"dot", dot}, {"version", ZOFO_VERSION_STRING}};
  std::printf("consumer of llm: %s\n", result.dump().c_str());
  return refused && dot == 5.0F ? 0 : 1;
}
