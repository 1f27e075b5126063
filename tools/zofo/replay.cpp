// zofo replay: the weights of a run from the model it began with and its trajectory, to the bit.
#include "replay.hpp"

#include "device.hpp"
#include "zofo/config/options_toml.hpp"

namespace zofo::cli {

void add_replay(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("replay", "Rebuild a run's weights from its trajectory and verify them");
  auto arguments = std::make_shared<Replay>();
  auto to = std::make_shared<std::uint32_t>(0);
  command->add_option("--model", arguments->model, "file of the model that the run began with")->required();
  command->add_option("--run", arguments->run, "run folder")->required();
  CLI::Option* step = not_negative(
      command->add_option("--to", *to, "replay that many steps; default: those of what is served"));
  command->add_flag("--json", arguments->json, "print the result as one JSON object");
  command->footer("Example: zofo replay --model model.gguf --run runs/sst2");
  command->callback([=, &action] {
    action = [=] {
      Replay replay = *arguments;
      if (step->count() > 0) replay.to = *to;
      llm::Hints hints;
      replay.options = llm::read_options(llm::RunFolder::open(replay.run).path(), &hints);
      print_folder_hints(hints);
      return on_device(choose_device(replay.options.device, replay.options.precision), replay);
    };
  });
}

}  // namespace zofo::cli
