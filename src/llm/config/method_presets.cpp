#include "zofo/config/method_presets.hpp"

namespace zofo::llm {
namespace {

// The learning rates of the adapters in a run on one task, by the search of docs/results/presets.md.
double searched_rate(AdapterKind adapter) {
  switch (adapter) {
    case AdapterKind::lora:
      return 2e-4;
    case AdapterKind::prefix:
      return 2e-3;
    case AdapterKind::prompt:
      return 6.3e-3;
    case AdapterKind::none:
      break;
  }
  return RunOptions{}.lower_learning_rate;
}

}  // namespace

RunOptions defaults(Command command) {
  RunOptions options;
  options.command = command;
  if (command == Command::finetune) return options;
  options.max_eval_samples = 64;
  options.curve_points = 0;
  options.curve_samples = 0;
  return options;
}

RunOptions preset(Command command, Method method) {
  RunOptions o = defaults(command);
  o.method = method;
  o.adapter = info(method).adapter;
  if (o.adapter == AdapterKind::prefix) o.num_virtual_tokens = 5;
  if (o.adapter == AdapterKind::prompt) o.num_virtual_tokens = 20;
  if (command == Command::finetune) o.lower_learning_rate = o.upper_learning_rate = searched_rate(o.adapter);
  if (info(method).trains == Trains::adapter_by_estimates) {
    o.zo_eps = 1e-2;
    o.zo_learning_rate = 1e-4;
  }
  switch (method) {
    case Method::mezo:
    case Method::joint_mezo:
      if (command == Command::finetune) o.zo_learning_rate = 1e-5;  // by the same search
      break;
    case Method::mezo_adam:
      o.outer_optimizer = OuterKind::adam;
      o.zo_learning_rate = 1e-5;
      break;
    case Method::lozo:
      o.direction = DirectionKind::low_rank;
      o.direction_rank = 2;
      o.direction_interval = 50;
      break;
    case Method::sparse:
      o.direction = DirectionKind::sparse;
      o.mask_density = 0.25;
      break;
    case Method::mezo_svrg:
      o.variance_reduction = ReductionKind::svrg;
      break;
    case Method::fzoo:
      o.direction = DirectionKind::rademacher;
      o.forward_difference = true;
      o.std_normalized = true;
      o.num_directions = 8;
      o.zo_learning_rate = 1e-5;
      break;
    default:
      break;
  }
  return o;
}

RunOptions preset(Method method) { return preset(Command::finetune, method); }

}  // namespace zofo::llm
