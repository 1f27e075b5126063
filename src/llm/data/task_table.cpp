#include "task_table.hpp"

#include <algorithm>
#include <cstdint>

#include "zofo/parse/nearest_name.hpp"

namespace zofo::data::detail {

TaskTable::TaskTable(std::string file, const toml::table& table, std::span<const std::string_view> keys,
                     std::string prefix)
    : file_(std::move(file)), table_(&table), prefix_(std::move(prefix)) {
  for (const auto& [key, node] : table)
    require(std::find(keys.begin(), keys.end(), key.str()) != keys.end(),
            "{}:{}: unknown key '{}{}'{}; keys are {}", file_, node.source().begin.line, prefix_, key.str(),
            parse::did_you_mean(key.str(), keys), fmt::join(keys, ", "));
}

template <class T>
T TaskTable::value(const toml::node& node, const std::string& name, const char* kind) const {
  const auto found = node.value_exact<T>();
  require(found.has_value(), "{}:{}: {}: must be {}", file_, node.source().begin.line, name, kind);
  return *found;
}

const toml::node& TaskTable::at(std::string_view key) const {
  const toml::node* node = table_->get(key);
  require(node != nullptr, "{}: no key '{}{}'", file_, prefix_, key);
  return *node;
}

std::string TaskTable::string(std::string_view key) const {
  return value<std::string>(at(key), name(key), "a string");
}

std::string TaskTable::string_or(std::string_view key, std::string otherwise) const {
  return has(key) ? string(key) : std::move(otherwise);
}

std::size_t TaskTable::count_or(std::string_view key, std::size_t otherwise) const {
  if (!has(key)) return otherwise;
  const auto number = value<std::int64_t>(at(key), name(key), "an integer");
  require(number >= 0, "{}: {} = {}: must not be negative", file_, name(key), number);
  return static_cast<std::size_t>(number);
}

std::vector<std::string> TaskTable::strings(std::string_view key) const {
  const toml::array* array = at(key).as_array();
  require(array != nullptr, "{}: {}: must be a list of strings", file_, name(key));
  std::vector<std::string> result;
  for (const toml::node& item : *array)
    result.push_back(value<std::string>(item, fmt::format("{}[{}]", name(key), result.size()), "a string"));
  return result;
}

std::vector<std::string> TaskTable::string_or_strings(std::string_view key) const {
  if (!at(key).is_array()) return {string(key)};
  std::vector<std::string> result = strings(key);
  require(!result.empty(), "{}:{}: {}: must have at least one", file_, at(key).source().begin.line,
          name(key));
  return result;
}

std::vector<double> TaskTable::numbers(std::string_view key) const {
  const toml::array* array = at(key).as_array();
  require(array != nullptr, "{}:{}: {}: must be a list of numbers", file_, at(key).source().begin.line,
          name(key));
  std::vector<double> result;
  for (const toml::node& item : *array) {
    require(item.is_number(), "{}:{}: {}[{}]: must be a number", file_, item.source().begin.line, name(key),
            result.size());
    result.push_back(*item.value<double>());
  }
  return result;
}

Template TaskTable::text(std::string_view key) const { return parse(string(key), name(key)); }

std::optional<Template> TaskTable::optional_text(std::string_view key) const {
  if (!has(key)) return {};
  return text(key);
}

std::vector<Template> TaskTable::texts(std::string_view key) const {
  std::vector<Template> result;
  for (const std::string& each : strings(key))
    result.push_back(parse(each, fmt::format("{}[{}]", name(key), result.size())));
  return result;
}

const toml::table& TaskTable::table(std::string_view key, const char* what) const {
  const toml::table* inner = at(key).as_table();
  require(inner != nullptr, "{}: {}: must be a table of {}", file_, name(key), what);
  return *inner;
}

std::map<std::string, int> TaskTable::indices(std::string_view key) const {
  std::map<std::string, int> result;
  for (const auto& [label, node] : table(key, "label = option index")) {
    const std::string where = fmt::format("{}.'{}'", name(key), label.str());
    const auto index = value<std::int64_t>(node, where, "an integer");
    require(index >= 0 && index < 1'000'000, "{}: {} = {}: must be an index of options", file_, where, index);
    result[std::string(label.str())] = static_cast<int>(index);
  }
  return result;
}

std::map<std::string, std::string> TaskTable::words(std::string_view key) const {
  std::map<std::string, std::string> result;
  for (const auto& [from, node] : table(key, "text = text"))
    result[std::string(from.str())] =
        value<std::string>(node, fmt::format("{}.'{}'", name(key), from.str()), "a string");
  return result;
}

std::string TaskTable::name(std::string_view key) const { return fmt::format("{}{}", prefix_, key); }

Template TaskTable::parse(const std::string& text, const std::string& key) const {
  try {
    return Template(text);
  } catch (const Error& error) {
    fail("{}: {}: {}", file_, key, error.what());
  }
}

}  // namespace zofo::data::detail
