#include "zofo/config/methods.hpp"

namespace zofo::llm {

Method sibling(Method method, AdapterKind adapter) {
  if (info(method).traits.any_adapter && adapter != AdapterKind::none) return method;
  std::string list;
  for (const MethodInfo& each : methods) {
    if (each.family != info(method).family) continue;
    if (each.adapter == adapter) return each.method;
    list.append(list.empty() ? "" : ", ").append(to_text(each.adapter));
  }
  fail("adapter = \"{}\": method {} supports adapters {}", adapter, method, list);
}

}  // namespace zofo::llm
