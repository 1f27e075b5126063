// zofo tokenize: lines of text in, JSON arrays of token ids out.
#include <fmt/format.h>

#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli.hpp"
#include "zofo/checkpoint/gguf.hpp"
#include "zofo/tokenize/byte_bpe.hpp"

namespace zofo::cli {
namespace {

int run(const std::string& model, bool special) {
  const tokenize::ByteBpe tokenizer = tokenize::from_gguf(checkpoint::GgufFile(model));
  std::size_t number = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    try {
      fmt::print("{}\n", nlohmann::json(tokenizer.encode(line, special)).dump());
    } catch (const Error& error) {
      fail("stdin:{}: {}", number, error.what());
    }
  }
  require(std::fflush(stdout) == 0, "stdout: write failed");
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
