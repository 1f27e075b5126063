// zofo serve: a model, or the result of a run, behind OpenAI's HTTP API.
#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cli.hpp"
#include "device_flags.hpp"
#include "run_flags.hpp"
#include "zofo/serve/engine.hpp"
#include "zofo/serve/limits.hpp"
#ifdef ZOFO_WITH_CUDA
#include "zofo/serve/cuda/instances.hpp"
#endif
#ifdef ZOFO_WITH_HTTP
#include "http_server.hpp"
#endif

namespace zofo::cli {
namespace {

struct Serve {
  std::string model, name, host = "127.0.0.1";
  RunFlags from;
  std::vector<std::string> adapters;  // NAME=FOLDER
  std::uint32_t port = 8080;
  serve::Limits limits;
  llm::DecoderOptions decoder;

  // Throws Error naming the flag out of range.
  void check() const {
#ifndef ZOFO_WITH_HTTP
    fail("zofo serve: this program was built without it: install {}, then configure and build again",
         ZOFO_HTTP_MISSING);
#endif
    limits.check();
    decoder.check();
    require(port <= 65535, "--port {}: must be in [0, 65535]", port);
    require(!host.empty(), "--host: must not be empty");
  }

  // The model's name in requests: the given one, that of the run folder, else of the model.
  [[nodiscard]] std::string served_name() const {
    if (!name.empty()) return name;
    const std::string path = from.run.empty() ? from.model_path(model) : from.run;
    std::filesystem::path last = std::filesystem::weakly_canonical(path).filename();
    if (last.extension() == ".gguf") last.replace_extension();
    return last.empty() ? "model" : last.string();
  }

  template <class Device>
  int on([[maybe_unused]] Device& device) const {
    check();
#ifdef ZOFO_WITH_HTTP
    std::vector<llm::NamedFolder> named;
    for (const std::string& each : adapters) named.push_back(llm::named_folder(each));
    serve::Queue queue(limits.max_queue);
    catch_termination();
    std::atomic<bool> ended = false;
    std::thread watch([&] {
      while (!ended && !interrupted()) std::this_thread::sleep_for(std::chrono::milliseconds(20));
      queue.close("the server is stopping");
    });
    const auto end = [&] {
      ended = true;
      watch.join();
    };
    try {
      serve::answer_requests(device, from.load(model), {served_name(), from.run, named, decoder}, queue,
                             [&](const serve::ServedModel& served) { return open(served, queue); });
    } catch (...) {
      end();
      throw;
    }
    end();
#endif
    return 0;
  }

 private:
#ifdef ZOFO_WITH_HTTP
  struct Opened {
    Opened(const serve::ServedModel& served, serve::Queue& queue, const serve::Limits& limits,
           const std::string& host, int port)
        : service(served, queue, limits), server(service, host, port) {}
    serve::Service service;
    HttpServer server;
  };
  std::shared_ptr<void> open(const serve::ServedModel& served, serve::Queue& queue) const {
    auto opened = std::make_shared<Opened>(served, queue, limits, host, static_cast<int>(port));
    write_out("zofo serve: {}/v1: {}\n", opened->server.address(), names_of(served));
    flush_output();
    return opened;
  }
#endif
  static std::string names_of(const serve::ServedModel& served) {
    std::string names;
    for (const serve::ServedName& each : served.names) names += (names.empty() ? "" : ", ") + each.name;
    return names;
  }
};

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  const Subcommand command(app, "serve", "Answer requests of OpenAI's HTTP API");
  auto arguments = std::make_shared<Serve>();
  auto device = std::make_shared<DeviceFlags>();
  serve::Limits& limits = arguments->limits;
  command.add("--model", arguments->model,
              "GGUF file or Hugging Face folder of the model; default: the run's");
  command
      .add("--run", arguments->from.run,
           "run folder of a fine-tuning of this model, or of a meta-training; its adapters have the names of "
           "their tasks")
      .not_empty();
  command.add("--adapter", arguments->adapters,
              "NAME=FOLDER: a LoRA, prefix or prompt adapter in peft's format, or GGUF file of a LoRA; as "
              "many as needed; without NAME: "
              "for requests for the model itself");
  command.add("--name", arguments->name,
              "of the model in requests; default: the name of the run folder, else of the model");
  command
      .add("--host", arguments->host, "address to listen on; another one than the default is open to others")
      .show_default();
  command.add("--port", arguments->port, "port to listen on; 0: one that is free").show_default();
  command.add("--max-queue", limits.max_queue, "maximum requests that wait; further ones get status 503")
      .show_default();
  command
      .add("--max-new-tokens", limits.max_tokens,
           "maximum tokens of an answer, and of a chat's answer that names no maximum")
      .show_default();
  command
      .add("--max-prompt-tokens", limits.max_prompt_tokens,
           "longer prompts keep their last tokens only; 0: a prompt longer than the context is an error")
      .show_default();
  command
      .add("--batch-size", arguments->decoder.sequences,
           "maximum sequences decoded together; 0: device default; lower it to save memory")
      .show_default();
  arguments->from.add_special(command);
  device->add(command);
  command.footer(
      "GET /health and /v1/models; POST /v1/completions and /v1/chat/completions, with \"stream\" too. The "
      "field\n"
      "\"model\" of a request selects an adapter by its name; the first name of the line that is printed is "
      "the\n"
      "model's. Requests for all of them are decoded together. Ctrl-C or SIGTERM ends the server.\n"
      "Example: zofo serve --model model.gguf --adapter sst2=runs/sst2/adapter");
  command.on_selection(action, [arguments, device] {
    arguments->check();
    return on_device(device->choose(), *arguments);
  });
}

}  // namespace zofo::cli
