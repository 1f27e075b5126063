#include "zofo/model_io/load_chat.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "zofo/checkpoint/gguf.hpp"
#include "zofo/core/error.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/parse/file.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

namespace {

constexpr std::array<const char*, 7> token_names{"bos_token", "eos_token", "unk_token", "sep_token",
                                                 "pad_token", "cls_token", "mask_token"};

nlohmann::json document(const std::filesystem::path& file) {
  if (!std::filesystem::exists(file)) return nlohmann::json::object();
  const std::string text = parse::read_file(file);
  return parse::with_path(file.string(), [&] {
    nlohmann::json json = parse::parse_json(text);
    require(json.is_object(), "must be an object, is {}", json.type_name());
    return json;
  });
}

const std::string& text_in(const nlohmann::json& value, const std::filesystem::path& file, const char* key) {
  require(value.is_string(), "{}: {} = {}: must be a string", file.string(), key, parse::shown(value));
  return value.get_ref<const std::string&>();
}

// A token is written as "text" or as {"content": "text", ...}; those that come first stay.
void take_tokens(const nlohmann::json& config, const std::filesystem::path& file, ChatSource& source) {
  for (const char* name : token_names) {
    if (!config.contains(name) || config.at(name).is_null()) continue;
    const nlohmann::json& token = config.at(name);
    const bool nested = token.is_object() && token.contains("content");
    source.special_tokens.emplace(name, text_in(nested ? token.at("content") : token, file, name));
  }
}

void take_templates(const nlohmann::json& config, const std::filesystem::path& file, ChatSource& source) {
  if (!config.contains("chat_template") || config.at("chat_template").is_null()) return;
  const nlohmann::json& value = config.at("chat_template");
  source.file = file.string();
  if (!value.is_array()) {
    source.text = text_in(value, file, "chat_template");
    return;
  }
  for (const nlohmann::json& each : value) {
    require(each.is_object() && each.contains("name") && each.contains("template"),
            "{}: chat_template: an entry must have name and template", file.string());
    const std::string& name = text_in(each.at("name"), file, "chat_template.name");
    const std::string& text = text_in(each.at("template"), file, "chat_template.template");
    if (name == "default") source.text = text;
    if (name == "tool_use") source.tools_text = text;
  }
}

ChatSource of_folder(const std::filesystem::path& folder) {
  ChatSource source;
  source.file = folder.string();
  const std::filesystem::path config_file = folder / "tokenizer_config.json";
  const nlohmann::json config = document(config_file);
  take_tokens(config, config_file, source);
  take_tokens(document(folder / "special_tokens_map.json"), folder / "special_tokens_map.json", source);
  const std::filesystem::path own = folder / "chat_template.jinja";
  if (!std::filesystem::exists(own)) {
    take_templates(config, config_file, source);
    return source;
  }
  source.file = own.string();
  source.text = parse::read_file(own);
  const std::filesystem::path tools = folder / "additional_chat_templates" / "tool_use.jinja";
  if (std::filesystem::exists(tools)) source.tools_text = parse::read_file(tools);
  return source;
}

ChatSource of_gguf(const std::filesystem::path& path) {
  const checkpoint::GgufFile file(path);
  ChatSource source;
  source.file = path.string();
  if (file.has("tokenizer.chat_template")) source.text = file.string("tokenizer.chat_template");
  if (file.has("tokenizer.chat_template.tool_use"))
    source.tools_text = file.string("tokenizer.chat_template.tool_use");
  if (source.text.empty()) return source;
  const std::vector<std::string> tokens = file.strings("tokenizer.ggml.tokens");
  for (const auto& [key, name] : {std::pair{"bos", "bos_token"},
                                  {"eos", "eos_token"},
                                  {"unknown", "unk_token"},
                                  {"padding", "pad_token"}}) {
    const std::string id_key = fmt::format("tokenizer.ggml.{}_token_id", key);
    if (!file.has(id_key)) continue;
    const std::uint64_t id = file.unsigned_integer(id_key);
    require(id < tokens.size(), "{}: {} = {}: must be below {}", path.string(), id_key, id, tokens.size());
    source.special_tokens.emplace(name, tokens[id]);
  }
  return source;
}

}  // namespace

ChatSource load_chat_source(const std::filesystem::path& path) {
  return is_folder(path) ? of_folder(path) : of_gguf(path);
}

}  // namespace zofo::llm
