/// @file Values that chat templates compute with: those of JSON, and undefined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace zofo::chat {

struct Sequence;
struct Mapping;
struct Object;

/// The value of a name or a field that does not exist.
struct Undefined {
  std::shared_ptr<const std::string> message = nullptr;  ///< why, for the error of an operation on it
};

/// A value of a template, immutable: copies share strings, lists and objects.
class Value {
 public:
  /// What a value holds. `nullptr_t` is Python's None.
  using Data =
      std::variant<Undefined, std::nullptr_t, bool, std::int64_t, double, std::shared_ptr<const std::string>,
                   std::shared_ptr<const Sequence>, std::shared_ptr<const Mapping>, std::shared_ptr<Object>>;

  Value() = default;
  /// None.
  Value(std::nullptr_t) : data_(nullptr) {}
  /// A boolean.
  Value(bool value) : data_(value) {}
  /// An integer.
  Value(std::int64_t value) : data_(value) {}
  /// A number with a fraction.
  Value(double value) : data_(value) {}
  /// A text in UTF-8.
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  /// The same.
  Value(const char* value) : Value(std::string(value)) {}
  /// Any other value.
  explicit Value(Data data) : data_(std::move(data)) {}

  /// What the value holds.
  [[nodiscard]] const Data& data() const { return data_; }
  /// Whether it is undefined, which a variable without a value is.
  [[nodiscard]] bool undefined() const { return std::holds_alternative<Undefined>(data_); }
  /// Whether it is none (null in JSON).
  [[nodiscard]] bool none() const { return std::holds_alternative<std::nullptr_t>(data_); }
  ///@{
  /// The text, the list, the mapping or the object; null for values of other types.
  [[nodiscard]] const std::string* text() const { return pointer<const std::string>(); }
  [[nodiscard]] const Sequence* sequence() const { return pointer<const Sequence>(); }
  [[nodiscard]] const Mapping* mapping() const { return pointer<const Mapping>(); }
  [[nodiscard]] Object* object() const { return pointer<Object>(); }
  ///@}
  ///@{
  /// The number; null for values of other types. A boolean is no integer here.
  [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&data_); }
  [[nodiscard]] const double* real() const { return std::get_if<double>(&data_); }
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&data_); }
  ///@}

  /// The number of lists and mappings around the innermost value.
  [[nodiscard]] std::size_t depth() const;

 private:
  template <class T>
  [[nodiscard]] T* pointer() const {
    const auto* shared = std::get_if<std::shared_ptr<T>>(&data_);
    return shared == nullptr ? nullptr : shared->get();
  }

  Data data_ = Undefined{};
};

/// A list of values. Python has several types of them, which differ in what may be done with them.
struct Sequence {
  /// `view` is what items(), keys(), values() and range() return; `generator` what filters such as map
  /// return, whose values can be read once.
  enum class Form : std::uint8_t { list, tuple, view, generator };

  std::vector<Value> items;      ///< the values
  Form form = Form::list;        ///< its type in Python
  std::size_t depth = 1;         ///< one more than the largest depth of the values
  mutable std::size_t read = 0;  ///< of a generator: number of values that have been read
};

/// An object of JSON: values by their keys, in the order of the file.
struct Mapping {
  std::vector<std::pair<std::string, Value>> entries;  ///< keys are distinct
  std::unordered_map<std::string, std::size_t> index;  ///< of each key among the entries
  std::size_t depth = 1;                               ///< one more than the largest depth of the values

  /// The value of a key; null if there is none.
  [[nodiscard]] const Value* find(std::string_view key) const;
  /// Sets the value of a key. A new key comes last.
  void set(const std::string& key, Value value);
};

/// The value of a JSON document; the order of keys is that of the document. Throws Error for an integer that
/// needs more than 64 bits with sign.
Value value_of(const nlohmann::ordered_json& json);

}  // namespace zofo::chat
