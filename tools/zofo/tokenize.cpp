// zofo tokenize: lines of text in, JSON arrays of token ids out.
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

namespace zofo::cli {
namespace {

tokenize::Tokenizer load(const std::string& model) {
  if (std::filesystem::is_directory(model)) return tokenize::load_tokenizer(model);
  return llm::load_tokenizer(checkpoint::GgufFile(model));
}

std::string text_of(const std::string& line, bool json) {
  if (!json) return line;
  const auto value = nlohmann::json::parse(line, nullptr, false);
  require(value.is_string(), "must be a JSON string");
  return value.get<std::string>();
}

int run(const std::string& model, bool special, bool json) {
  const tokenize::Tokenizer tokenizer = load(model);
  std::size_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    std::vector<std::int32_t> ids;
    try {
      ids = tokenizer.encode(text_of(line, json), special);
    } catch (const Error& error) {
      fail("stdin:{}: {}", number, error.what());
    }
    write_out("{}\n", nlohmann::json(ids).dump());
  }
  return 0;
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("tokenize", "Token ids of each line of standard input");
  auto model = std::make_shared<std::string>();
  auto special = std::make_shared<bool>(false);
  auto json = std::make_shared<bool>(false);
  command->add_option("--model", *model, "GGUF file, or folder of a checkpoint, with the vocabulary")
      ->required();
  command->add_flag("--special", *special, "recognise control tokens written in the text");
  command->add_flag("--json", *json, "each line is a JSON string, whose text may have line ends");
  command->footer("Example: echo 'Hello world' | zofo tokenize --model model.gguf");
  command->callback([model, special, json, &action] {
    action = [model, special, json] { return run(*model, *special, *json); };
  });
}

}  // namespace zofo::cli
