#include "zofo/run/restore.hpp"

#include "zofo/parse/file.hpp"

namespace zofo::llm {

RunOptions read_options(const std::filesystem::path& run, Hints* hints) {
  const bool of_many = std::filesystem::exists(run / "meta.json");
  const std::filesystem::path file = run / "options.toml";
  RunOptions options = options_from_toml(of_many ? Command::meta_train : Command::finetune,
                                         parse::read_file(file), file.string(), hints);
  options.check();
  return options;
}

}  // namespace zofo::llm
