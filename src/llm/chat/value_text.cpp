#include <algorithm>

#include "llm/chat/python_text.hpp"
#include "llm/chat/runtime.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

// repr(value), appended.
void append_repr(std::string& out, const Value& value, Runtime& runtime) {
  const std::size_t before = out.size();
  if (value.undefined()) {
    out += "Undefined";
  } else if (value.none()) {
    out += "None";
  } else if (const bool* is = value.boolean()) {
    out += *is ? "True" : "False";
  } else if (const std::int64_t* integer = value.integer()) {
    out += std::to_string(*integer);
  } else if (const double* real = value.real()) {
    out += number_text(*real);
  } else if (const std::string* text = value.text()) {
    out += repr_of(*text);
  } else if (const Mapping* fields = value.mapping()) {
    out += '{';
    for (const auto& [key, each] : fields->entries) {
      if (out.back() != '{' || out.size() != before + 1) out += ", ";
      out += repr_of(key) + ": ";
      append_repr(out, each, runtime);
    }
    out += '}';
  } else if (const Sequence* list = value.sequence();
             list != nullptr && (list->form == Sequence::Form::list || list->form == Sequence::Form::tuple)) {
    const bool tuple = list->form == Sequence::Form::tuple;
    out += tuple ? '(' : '[';
    for (std::size_t i = 0; i < list->items.size(); ++i) {
      if (i > 0) out += ", ";
      append_repr(out, list->items[i], runtime);
    }
    if (tuple && list->items.size() == 1) out += ',';
    out += tuple ? ')' : ']';
  } else {
    fail("a {} cannot be printed", type_of(value));
  }
  runtime.charge(1 + (out.size() - before) / 8);
}

void append_json_text(std::string& out, const std::string& text, bool ascii) {
  out += nlohmann::json(text).dump(-1, ' ', ascii, nlohmann::json::error_handler_t::replace);
}

void append_json(std::string& out, const Value& value, const JsonForm& form, std::size_t level,
                 Runtime& runtime) {
  const auto new_line = [&](std::size_t depth) {
    if (form.indent >= 0) out.append("\n").append(depth * static_cast<std::size_t>(form.indent), ' ');
  };
  const auto elements = [&](char open, char close, std::size_t count, auto&& element) {
    out += open;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) out += form.between;
      runtime.charge(1 + (level + 1) * static_cast<std::size_t>(std::max(form.indent, 0)) / 8);
      new_line(level + 1);
      element(i);
    }
    if (count > 0) new_line(level);
    out += close;
  };
  if (const double* real = value.real()) {
    const std::string number = number_text(*real);
    out += number == "nan" ? "NaN" : number == "inf" ? "Infinity" : number == "-inf" ? "-Infinity" : number;
  } else if (value.none()) {
    out += "null";
  } else if (const bool* is = value.boolean()) {
    out += *is ? "true" : "false";
  } else if (const std::int64_t* integer = value.integer()) {
    out += std::to_string(*integer);
  } else if (const std::string* text = value.text()) {
    runtime.charge(text->size() / 4);
    append_json_text(out, *text, form.ascii);
  } else if (const Mapping* fields = value.mapping()) {
    std::vector<const std::pair<std::string, Value>*> entries;
    for (const auto& entry : fields->entries) entries.push_back(&entry);
    if (form.sort_keys) std::ranges::sort(entries, {}, [](const auto* entry) { return entry->first; });
    elements('{', '}', entries.size(), [&](std::size_t i) {
      append_json_text(out, entries[i]->first, form.ascii);
      out += form.after_key;
      append_json(out, entries[i]->second, form, level + 1, runtime);
    });
  } else if (const Sequence* list = value.sequence();
             list != nullptr && (list->form == Sequence::Form::list || list->form == Sequence::Form::tuple)) {
    elements('[', ']', list->items.size(),
             [&](std::size_t i) { append_json(out, list->items[i], form, level + 1, runtime); });
  } else {
    fail("Object of type {} is not JSON serializable", type_of(value));
  }
  runtime.charge(1);
}

}  // namespace

std::string printed(const Value& value, Runtime& runtime) {
  if (const std::string* text = value.text()) return *text;
  if (value.undefined()) return {};
  std::string out;
  append_repr(out, value, runtime);
  return out;
}

std::string json_of(const Value& value, const JsonForm& form, Runtime& runtime) {
  std::string out;
  append_json(out, value, form, 0, runtime);
  return out;
}

}  // namespace zofo::chat
