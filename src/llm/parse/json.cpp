#include "zofo/parse/json.hpp"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::parse {

namespace {

/// Refuses deep nesting and duplicate keys, which the parser itself accepts.
template <class Json>
class JsonWatch {
 public:
  bool operator()(int depth, typename Json::parse_event_t event, Json& parsed) {
    using Event = typename Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      require(depth < deepest_json, "broken JSON: nested deeper than {} levels", deepest_json);
      keys_.emplace_back();
    } else if (event == Event::object_end || event == Event::array_end) {
      keys_.pop_back();
    } else if (event == Event::key) {
      const auto& key = parsed.template get_ref<const std::string&>();
      require(keys_.back().insert(key).second, "duplicate key {}", shown(nlohmann::json(key)));
    }
    return true;
  }

 private:
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
};

/// The parser's message, shortened and in ASCII: the original may quote a whole line and invalid UTF-8.
std::string json_reason(const nlohmann::json::exception& error) {
  std::string reason = error.what();
  if (reason.find("ill-formed UTF-8") != std::string::npos) return "invalid UTF-8";
  const std::string marker = "syntax error ";
  if (const auto start = reason.find(marker); start != std::string::npos)
    reason.erase(0, start + marker.size());
  constexpr std::size_t longest = 160;
  if (reason.size() > longest) reason = reason.substr(0, longest) + "...";
  for (char& c : reason)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return reason;
}

template <class Json>
Json parsed(std::string_view text) {
  try {
    JsonWatch<Json> watch;
    // The parser copies the callback, so the callback holds the state by reference.
    return Json::parse(text,
                       [&watch](int depth, auto event, Json& value) { return watch(depth, event, value); });
  } catch (const nlohmann::json::parse_error& error) {
    fail("broken JSON at byte {}: {}", error.byte, json_reason(error));
  } catch (const nlohmann::json::exception& error) {  // e.g. a number too large for a double
    fail("broken JSON: {}", json_reason(error));
  }
}

}  // namespace

std::string shown(const nlohmann::json& value) {
  if (value.is_structured() && value.size() > 8)
    return fmt::format("{} of {} entries", value.type_name(), value.size());
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() > 100 ? text.substr(0, 100) + "..." : text;
}

std::string json_text(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json parse_json(std::string_view text) { return parsed<nlohmann::json>(text); }

nlohmann::ordered_json parse_ordered_json(std::string_view text) {
  return parsed<nlohmann::ordered_json>(text);
}

}  // namespace zofo::parse
