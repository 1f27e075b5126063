/// @file The thread that owns a model and answers the requests of a queue.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "zofo/lm/decoder_options.hpp"
#include "zofo/lm/language_model.hpp"
#include "zofo/serve/queue.hpp"
#include "zofo/serve/served_model.hpp"
#include "zofo/train/adapter_set.hpp"
#include "zofo/train/device.hpp"

namespace zofo::serve {

/// The adapters and limits of a server.
struct EngineOptions {
  std::string name;                                 ///< of the model in requests
  std::filesystem::path run = {};                   ///< of a fine-tuning or a meta-training; empty: none
  std::span<const llm::NamedFolder> adapters = {};  ///< as AdapterSet takes them
  llm::DecoderOptions decoder = {};                 ///< limits of a pass
};

/// Puts the model and its adapters on the device, calls open(model) and answers the requests of the queue
/// until it is closed. What open() returns is destroyed before the model: it ends all that uses it. Requests
/// for any adapters and with any options are decoded together, and those that arrive join the others as soon
/// as a slot is free. A request that fails does not stop the others. Throws Error where an adapter does not
/// fit the model or has the model's name. A program with its own Device includes serve/impl/engine.hpp.
template <class Device>
void answer_requests(Device& device, llm::Model model, const EngineOptions& options, Queue& queue,
                     const std::function<std::shared_ptr<void>(const ServedModel&)>& open);

/// The instances of this header for one device; PREFIX is extern or nothing.
#define ZOFO_SERVE_INSTANCES(PREFIX, DEVICE)                                              \
  PREFIX template void answer_requests(DEVICE&, llm::Model, const EngineOptions&, Queue&, \
                                       const std::function<std::shared_ptr<void>(const ServedModel&)>&);

// zofo::llm holds those of the CPU.
ZOFO_SERVE_INSTANCES(extern, llm::CpuDevice)

}  // namespace zofo::serve
