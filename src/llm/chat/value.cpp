#include "zofo/chat/value.hpp"

#include <algorithm>
#include <limits>

#include "zofo/core/error.hpp"

namespace zofo::chat {

std::size_t Value::depth() const {
  if (const Sequence* list = sequence()) return list->depth;
  if (const Mapping* fields = mapping()) return fields->depth;
  return 0;
}

const Value* Mapping::find(std::string_view key) const {
  const auto found = index.find(std::string(key));
  return found == index.end() ? nullptr : &entries[found->second].second;
}

void Mapping::set(const std::string& key, Value value) {
  depth = std::max(depth, value.depth() + 1);
  const auto [found, is_new] = index.try_emplace(key, entries.size());
  if (is_new)
    entries.emplace_back(key, std::move(value));
  else
    entries[found->second].second = std::move(value);
}

Value value_of(const nlohmann::ordered_json& json) {
  using Type = nlohmann::ordered_json::value_t;
  switch (json.type()) {
    case Type::boolean:
      return json.get<bool>();
    case Type::number_integer:
      return json.get<std::int64_t>();
    case Type::number_unsigned: {
      const auto value = json.get<std::uint64_t>();
      require(value <= std::numeric_limits<std::int64_t>::max(),
              "{}: an integer of a chat must fit into 64 bits with sign", value);
      return static_cast<std::int64_t>(value);
    }
    case Type::number_float:
      return json.get<double>();
    case Type::string:
      return json.get_ref<const std::string&>();
    case Type::array: {
      auto list = std::make_shared<Sequence>();
      for (const auto& each : json) {
        list->items.push_back(value_of(each));
        list->depth = std::max(list->depth, list->items.back().depth() + 1);
      }
      return Value(Value::Data(std::shared_ptr<const Sequence>(std::move(list))));
    }
    case Type::object: {
      auto fields = std::make_shared<Mapping>();
      for (const auto& [key, each] : json.items()) fields->set(key, value_of(each));
      return Value(Value::Data(std::shared_ptr<const Mapping>(std::move(fields))));
    }
    default:
      return nullptr;
  }
}

}  // namespace zofo::chat
