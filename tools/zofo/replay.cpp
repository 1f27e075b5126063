// zofo replay: rebuilds the weights of a run from its model and trajectory, bit for bit, and verifies them.
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cli.hpp"
#include "device/device.hpp"
#include "zofo/model_io/load_model.hpp"
#include "zofo/run/restore.hpp"
#include "zofo/run/run_directory.hpp"
#include "zofo/train/verify_run.hpp"

namespace zofo::cli {
namespace {

struct Replay {
  std::string model;
  std::string run;
  std::optional<std::uint32_t> to;
  bool json = false;
  llm::RunOptions options;  // of the run

  template <class Device>
  int on(Device& device) const {
    llm::Model loaded = llm::load_model(model);
    const llm::Replayed done = llm::verify_run(device, loaded, run, options, {to, model});
    if (json)
      write_text(nlohmann::json{{"what", done.what},
                                {"hash", done.hash},
                                {"steps", done.steps},
                                {"verified", done.verified},
                                {"seconds", done.seconds}}
                     .dump() +
                 "\n");
    else
      write_out("{} {} after {} steps, {}; {:.2f} s\n", done.what, done.hash, done.steps,
                done.verified ? "equal to the run's record" : "without a record in the run", done.seconds);
    return 0;
  }
};

}  // namespace

void add_replay(CLI::App& app, Action& action) {
  const Subcommand command(app, "replay", "Rebuild a run's weights from its trajectory and verify them");
  auto arguments = std::make_shared<Replay>();
  auto to = std::make_shared<std::uint32_t>(0);
  command.add("--model", arguments->model, "file of the model that the run started with").required();
  command.add("--run", arguments->run, "run folder").required();
  const Flag to_flag =
      command.add("--to", *to, "number of steps to replay; default: those of the selected model");
  command.add("--json", arguments->json, "print the result as one JSON object");
  command.footer("Example: zofo replay --model model.gguf --run runs/sst2");
  command.on_selection(action, [arguments, to, to_flag] {
    Replay replay = *arguments;
    if (to_flag.given()) replay.to = *to;
    llm::Hints hints;
    replay.options = llm::read_options(llm::RunFolder::open(replay.run).path(), &hints);
    print_folder_hints(hints);
    return on_device(choose_device(replay.options.device, replay.options.precision), replay);
  });
}

}  // namespace zofo::cli
