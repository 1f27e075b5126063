// zofo tokenize: lines of text in, JSON arrays of token ids out.
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "zofo/tune/load_model.hpp"

namespace zofo::cli {
namespace {

int run(const std::string& model, bool special) {
  const tokenize::Tokenizer tokenizer = tune::load_tokenizer(checkpoint::GgufFile(model));
  std::size_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    std::vector<std::int32_t> ids;
    try {
      ids = tokenizer.encode(line, special);
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
  command->add_option("--model", *model, "GGUF file with the vocabulary")->required();
  command->add_flag("--special", *special, "recognise control tokens written in the text");
  command->footer("Example: echo 'Hello world' | zofo tokenize --model model.gguf");
  command->callback(
      [model, special, &action] { action = [model, special] { return run(*model, *special); }; });
}

}  // namespace zofo::cli
