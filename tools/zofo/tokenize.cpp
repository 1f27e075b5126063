// zofo tokenize: prints the token ids of each line of standard input as a JSON array.
#include <filesystem>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli.hpp"
#include "zofo/data/request_lines.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/tokenize/load_tokenizer.hpp"

namespace zofo::cli {
namespace {

struct Arguments {
  std::string model;
  bool special = false, json = false;
};

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

int run(const Arguments& arguments) {
  const tokenize::Tokenizer tokenizer = load(arguments.model);
  std::size_t number = 0, errors = 0;
  for (std::string line; std::getline(std::cin, line);) {
    ++number;
    std::string answer;
    try {
      answer = nlohmann::json(tokenizer.encode(text_of(line, arguments.json), arguments.special)).dump();
    } catch (const Error& error) {
      ++errors;
      answer = data::error_answer(fmt::format("stdin:{}: {}", number, error.what()));
    }
    write_text(answer + "\n");
  }
  return exit_of_lines(errors);
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  const Subcommand command(app, "tokenize", "Token ids of each line of standard input");
  auto arguments = std::make_shared<Arguments>();
  command.add("--model", arguments->model, "GGUF file, or folder of a checkpoint, with the vocabulary")
      .required();
  command.add("--special", arguments->special, "recognise control tokens written in the text");
  command.add("--json", arguments->json, "each line is a JSON string, whose text may have line ends");
  command.footer(
      "A line that has no tokens, such as invalid UTF-8, gets {\"error\": TEXT} in its place; the exit code "
      "is "
      "then 1.\n"
      "Example: echo 'Hello world' | zofo tokenize --model model.gguf");
  command.on_selection(action, [arguments] { return run(*arguments); });
}

}  // namespace zofo::cli
