// zofo_theory: measures the statements of the theory and prints one table. Exits 1 when one fails, 2 on bad
// options.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "theory/main/groups.hpp"
#include "theory/report.hpp"

namespace {

std::vector<theory::Statement> all_statements() {
  std::vector<theory::Statement> all;
  for (const auto group : {theory::penalty_statements, theory::inner_statements, theory::estimator_statements,
                           theory::descent_statements, theory::algorithm_statements})
    for (theory::Statement& statement : group()) all.push_back(std::move(statement));
  return all;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  zofo::require(static_cast<bool>(file), "--json {}: cannot be written", path);
}

int run(const std::vector<std::string>& words) {
  std::vector<theory::Statement> statements = all_statements();
  std::vector<std::string> known;
  for (const theory::Statement& statement : statements) known.push_back(statement.id);
  const theory::ProgramOptions options = theory::parse_options(words, known);
  if (options.list) {
    for (const std::string& id : known) fmt::print("{}\n", id);
    return 0;
  }
  if (!options.only.empty())
    std::erase_if(statements, [&](const theory::Statement& statement) {
      return std::find(options.only.begin(), options.only.end(), statement.id) == options.only.end();
    });
  const std::vector<theory::Verdict> verdicts = theory::measure_all(statements, options.effort);
  fmt::print("{}", theory::table(verdicts));
  if (!options.json.empty()) write(options.json, theory::to_json(verdicts, options.effort));
  return std::all_of(verdicts.begin(), verdicts.end(), [](const theory::Verdict& v) { return v.passed; }) ? 0
                                                                                                          : 1;
}

}  // namespace

int main(int count, char** words) {
  try {
    return run({words + 1, words + count});
  } catch (const zofo::Error& error) {
    fmt::print(stderr, "zofo_theory: {}\n", error.what());
    return 2;
  }
}
