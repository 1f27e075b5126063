#include <map>

#include "llm/chat/builtins.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

namespace {

using Test = bool (*)(const Value&, Arguments&, Runtime&);

const Value& other(Arguments& arguments) { return arguments.at(0, "other"); }

std::string letters(const Value& value, Runtime& runtime) { return printed(value, runtime); }

const std::map<std::string, Test, std::less<>>& tests() {
  static const std::map<std::string, Test, std::less<>> table = [] {
    std::map<std::string, Test, std::less<>> all{
        {"defined", [](const Value& v, Arguments&, Runtime&) { return !v.undefined(); }},
        {"undefined", [](const Value& v, Arguments&, Runtime&) { return v.undefined(); }},
        {"none", [](const Value& v, Arguments&, Runtime&) { return v.none(); }},
        {"string", [](const Value& v, Arguments&, Runtime&) { return v.text() != nullptr; }},
        {"mapping", [](const Value& v, Arguments&, Runtime&) { return v.mapping() != nullptr; }},
        {"boolean", [](const Value& v, Arguments&, Runtime&) { return v.boolean() != nullptr; }},
        {"integer", [](const Value& v, Arguments&, Runtime&) { return v.integer() != nullptr; }},
        {"float", [](const Value& v, Arguments&, Runtime&) { return v.real() != nullptr; }},
        {"number",
         [](const Value& v, Arguments&, Runtime&) {
           return v.integer() != nullptr || v.real() != nullptr || v.boolean() != nullptr;
         }},
        {"true", [](const Value& v, Arguments&, Runtime&) { return v.boolean() != nullptr && *v.boolean(); }},
        {"false",
         [](const Value& v, Arguments&, Runtime&) { return v.boolean() != nullptr && !*v.boolean(); }},
        {"callable", [](const Value& v, Arguments&, Runtime&) { return v.object() != nullptr; }},
        {"iterable",
         [](const Value& v, Arguments&, Runtime&) {
           return v.text() != nullptr || v.sequence() != nullptr || v.mapping() != nullptr || v.undefined();
         }},
        {"sequence",
         [](const Value& v, Arguments&, Runtime&) {
           const Sequence* list = v.sequence();
           const bool has_order = list != nullptr && list->form != Sequence::Form::generator &&
                                  list->form != Sequence::Form::view;
           return v.text() != nullptr || v.mapping() != nullptr || has_order || v.undefined();
         }},
        {"lower",
         [](const Value& v, Arguments&, Runtime& r) {
           const std::string text = letters(v, r);
           return text == lower(text) && lower(text) != upper(text);
         }},
        {"upper",
         [](const Value& v, Arguments&, Runtime& r) {
           const std::string text = letters(v, r);
           return text == upper(text) && lower(text) != upper(text);
         }},
        {"odd",
         [](const Value& v, Arguments&, Runtime&) { return integer_of(v, "the operand of 'odd'") % 2 != 0; }},
        {"even", [](const Value& v, Arguments&,
                    Runtime&) { return integer_of(v, "the operand of 'even'") % 2 == 0; }},
        {"divisibleby",
         [](const Value& v, Arguments& a, Runtime&) {
           const std::int64_t divisor = integer_of(a.at(0, "num"), "the argument of 'divisibleby'");
           require(divisor != 0, "integer division or modulo by zero");
           return divisor == -1 || integer_of(v, "the operand of 'divisibleby'") % divisor == 0;
         }},
        {"in", [](const Value& v, Arguments& a, Runtime& r) { return is_in(v, other(a), r); }},
        {"sameas",
         [](const Value& v, Arguments& a, Runtime& r) {
           const Value& b = other(a);
           return v.data().index() == b.data().index() && equal(v, b, r);
         }},
        {"filter", [](const Value& v, Arguments&,
                      Runtime&) { return is_filter(text_of_value(v, "the name of a filter")); }},
        {"test", [](const Value& v, Arguments&, Runtime&) {
           return is_test(text_of_value(v, "the name of a test"));
         }}};
    const auto add = [&](std::initializer_list<const char*> names, Test test) {
      for (const char* name : names) all.emplace(name, test);
    };
    add({"equalto", "eq", "=="},
        [](const Value& v, Arguments& a, Runtime& r) { return equal(v, other(a), r); });
    add({"ne", "!="}, [](const Value& v, Arguments& a, Runtime& r) { return !equal(v, other(a), r); });
    add({"lt", "lessthan", "<"},
        [](const Value& v, Arguments& a, Runtime& r) { return compare(v, other(a), r) < 0; });
    add({"le", "<="}, [](const Value& v, Arguments& a, Runtime& r) { return compare(v, other(a), r) <= 0; });
    add({"gt", "greaterthan", ">"},
        [](const Value& v, Arguments& a, Runtime& r) { return compare(v, other(a), r) > 0; });
    add({"ge", ">="}, [](const Value& v, Arguments& a, Runtime& r) { return compare(v, other(a), r) >= 0; });
    return all;
  }();
  return table;
}

}  // namespace

bool is_test(std::string_view name) { return tests().contains(name); }

std::vector<std::string> test_names() {
  std::vector<std::string> names;
  for (const auto& entry : tests()) names.push_back(entry.first);
  return names;
}

bool apply_test(const std::string& name, const Value& value, Arguments& arguments, Runtime& runtime) {
  const auto found = tests().find(name);
  if (found == tests().end()) fail("test '{}' is not supported", name);
  runtime.charge(1);
  const bool holds = found->second(value, arguments, runtime);
  arguments.check_used("test '" + name + "'");
  return holds;
}

}  // namespace zofo::chat
