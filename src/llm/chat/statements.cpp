#include "llm/chat/builtins.hpp"
#include "llm/chat/interpreter.hpp"
#include "llm/chat/python_text.hpp"
#include "zofo/core/error.hpp"

namespace zofo::chat {

Rendered Interpreter::run(const Node& root) {
  out_ = &result_.text;
  execute(root);
  return std::move(result_);
}

void Interpreter::write(std::string_view text) {
  runtime_.charge(text.size() / 8);
  out_->append(text);
}

Interpreter::Flow Interpreter::execute(const Node& node) {
  if (node.kind == NodeKind::body) return body(node);
  line_ = node.line;
  runtime_.charge(1);
  switch (node.kind) {
    case NodeKind::text:
      write(*node.value.text());
      return Flow::next;
    case NodeKind::print:
      write(printed(value(*node.children[0]), runtime_));
      return Flow::next;
    case NodeKind::condition:
      return condition(node);
    case NodeKind::loop:
      return loop(node);
    case NodeKind::set:
      assign(*node.children[0], value(*node.children[1]));
      return Flow::next;
    case NodeKind::set_block:
      assign(*node.children[0], runtime_.text(captured(*node.children[1], node.children[2].get())));
      return Flow::next;
    case NodeKind::filter_block:
      write(captured(*node.children[0], node.children[1].get()));
      return Flow::next;
    case NodeKind::macro:
      scope_->names[node.name] = Value(Value::Data(std::make_shared<Macro>(node, *scope_)));
      return Flow::next;
    case NodeKind::generation:
      generation(node);
      return Flow::next;
    default:  // leave
      return node.name == "break" ? Flow::leave : Flow::repeat;
  }
}

Interpreter::Flow Interpreter::body(const Node& node) {
  for (const NodePointer& each : node.children)
    if (const Flow flow = execute(*each); flow != Flow::next) return flow;
  return Flow::next;
}

Interpreter::Flow Interpreter::condition(const Node& node) {
  std::size_t i = 0;
  for (; i + 1 < node.children.size(); i += 2)
    if (truth(value(*node.children[i]))) return body(*node.children[i + 1]);
  return i < node.children.size() ? body(*node.children[i]) : Flow::next;
}

Interpreter::Flow Interpreter::loop(const Node& node) {
  const Node& target = *node.children[0];
  std::vector<Value> items = values_of(value(*node.children[1]), runtime_);
  if (const Node* wanted = node.children[2].get()) {
    std::vector<Value> kept;
    for (Value& each : items) {
      Inner inner(*this, scope_);
      assign(target, each);
      if (truth(value(*wanted))) kept.push_back(std::move(each));
    }
    items = std::move(kept);
  }
  const auto state = std::make_shared<Loop>(std::move(items));
  bool completed = false;  // a pass of the body, to its end: `continue` in all of them is as no pass to Jinja
  Flow flow = Flow::next;
  for (; state->index < state->items.size() && flow != Flow::leave; ++state->index) {
    runtime_.charge(1);
    Inner inner(*this, scope_);
    inner.scope.names["loop"] = Value(Value::Data(std::shared_ptr<Object>(state)));
    assign(target, state->items[state->index]);
    flow = body(*node.children[3]);
    completed = completed || flow == Flow::next;
  }
  if (completed || node.children.size() < 5) return Flow::next;
  Inner inner(*this, scope_);
  return body(*node.children[4]);
}

void Interpreter::generation(const Node& node) {
  require(out_ == &result_.text,
          "'generation' inside of a macro or a block that captures its text is not supported");
  require(!in_generation_, "'generation' inside of another is not supported");
  Inner inner(*this, scope_);
  in_generation_ = true;
  const std::size_t begin = out_->size();
  body(*node.children[0]);
  result_.answers.push_back({begin, out_->size()});
  in_generation_ = false;
}

// The text that a body writes, in a scope of its own.
std::string Interpreter::captured(const Node& inside, const Node* filters) {
  std::string text;
  std::string* const before = std::exchange(out_, &text);
  {
    Inner inner(*this, scope_);
    body(inside);
  }
  out_ = before;
  std::vector<const Node*> chain;  // the last filter first
  for (const Node* each = filters; each != nullptr; each = each->children[0].get()) chain.push_back(each);
  Value result(std::move(text));
  for (auto each = chain.rbegin(); each != chain.rend(); ++each) result = filter(**each, result);
  return printed(result, runtime_);
}

void Interpreter::assign(const Node& target, const Value& value) {
  if (target.kind == NodeKind::variable) {
    scope_->names[target.name] = value;
    return;
  }
  if (target.kind == NodeKind::attribute) return assign_field(target, value);
  require_defined(value);
  const std::vector<Value> values = values_of(value, runtime_);
  const std::size_t wanted = target.children.size();
  require(values.size() >= wanted, "not enough values to unpack (expected {}, got {})", wanted,
          values.size());
  require(values.size() <= wanted, "too many values to unpack (expected {})", wanted);
  for (std::size_t i = 0; i < wanted; ++i) assign(*target.children[i], values[i]);
}

void Interpreter::assign_field(const Node& target, const Value& value) {
  const Value owner = variable(target.children[0]->name);
  auto* object = dynamic_cast<Namespace*>(owner.object());
  require(object != nullptr, "cannot assign attribute on non-namespace object");
  require(!target.name.starts_with('_'),
          "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{}'. Please "
          "rename "
          "the attribute.",
          target.name);
  Runtime::check_stored(value);
  object->fields.set(target.name, value);
}

Value Loop::field(const std::string& name) const {
  const auto at = static_cast<std::int64_t>(index);
  const auto size = static_cast<std::int64_t>(items.size());
  if (name == "index") return at + 1;
  if (name == "index0") return at;
  if (name == "revindex") return size - at;
  if (name == "revindex0") return size - at - 1;
  if (name == "first") return at == 0;
  if (name == "last") return at + 1 == size;
  if (name == "length") return size;
  if (name == "depth") return std::int64_t{1};  // of a loop that is not recursive
  if (name == "depth0") return std::int64_t{0};
  if (name == "previtem") return at == 0 ? undefined_value("there is no previous item") : items[index - 1];
  if (name == "nextitem") return at + 1 == size ? undefined_value("there is no next item") : items[index + 1];
  return undefined_value(fmt::format("'loop object' has no attribute {}", repr_of(name)));
}

}  // namespace zofo::chat
