// Damaged folders of models and adapters: each must throw zofo::Error or load; any other exception, a crash
// or an allocation that the files don't back fails the test.
#include <random>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "hub.hpp"
#include "zofo/model_io/load_hugging_face.hpp"
#include "zofo/peft/peft_format.hpp"
#include "zofo/peft/peft_virtual_tokens.hpp"

using namespace zofo;
using namespace zofo::llm;

namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A copy of a folder in which one file is damaged again and again.
struct Victim {
  Victim(const std::filesystem::path& from, std::string file) : name(std::move(file)) {
    for (const auto& entry : std::filesystem::directory_iterator(from))
      std::filesystem::copy(entry.path(), folder.path());
    whole = bytes_of(folder.path() / name);
  }
  /// Whether `load` accepted the damaged file.
  bool survives(const std::string& damaged, auto&& load) const {
    folder.write(name, damaged);
    try {
      load(folder.path());
    } catch (const Error& error) {
      CHECK(std::string_view(error.what()).size() < 2000);
      return false;
    }
    return true;
  }
  /// Flips bits, puts bytes, cuts and repeats pieces of the first `reach` bytes.
  void damage(std::size_t reach, int rounds, auto&& load) const {
    std::mt19937 dice(20241121);
    const auto any = [&](std::size_t below) { return static_cast<std::size_t>(dice()) % below; };
    constexpr std::string_view pieces[] = {"\"",   "{",    "[",   "0", "-", "1e999", "99999999999999999999",
                                           "null", "true", "\xFF"};
    reach = std::min(reach, whole.size());
    REQUIRE(survives(whole, load));
    for (int round = 0; round < rounds; ++round) {
      std::string damaged = whole;
      const std::size_t at = any(reach);
      const std::size_t kind = any(4);
      if (kind == 0) damaged[at] = static_cast<char>(damaged[at] ^ (1 << any(8)));
      if (kind == 1) damaged.replace(at, 1, pieces[any(std::size(pieces))]);
      if (kind == 2) damaged.erase(at, 1 + any(8));
      if (kind == 3) damaged.insert(at, damaged.substr(any(reach), 1 + any(20)));
      REQUIRE_NOTHROW(survives(damaged, load));
    }
  }

  TemporaryFolder folder;
  std::string name;
  std::string whole;
};

}  // namespace

TEST_CASE("a damaged model folder throws or loads", "[train]") {
  const auto load = [](const std::filesystem::path& path) { load_hugging_face(path); };
  for (const char* model : {"llama3", "qwen2", "opt-350m"})
    Victim(hub::folder(model), "config.json").damage(std::size_t{1} << 20U, 400, load);
  Victim(hub::folder("mistral"), "model.safetensors").damage(3000, 600, load);
  Victim(hub::folder("qwen2"), "model.safetensors.index.json").damage(std::size_t{1} << 20U, 300, load);
}

TEST_CASE("a damaged adapter folder throws or loads", "[train]") {
  const auto hub_peft = hub::folder("").parent_path().parent_path() / "hub_peft";
  const model::Config config = load_hugging_face(hub::folder("llama")).config();
  const auto lora = [&](const std::filesystem::path& path) { peft::read_peft_lora(path, config); };
  const auto tokens = [&](const std::filesystem::path& path) {
    peft::read_peft_virtual_tokens(path, config);
  };
  Victim(hub_peft / "llama-lora", peft::peft_config_file).damage(std::size_t{1} << 20U, 600, lora);
  Victim(hub_peft / "llama-lora", peft::peft_weights_file).damage(2000, 600, lora);
  Victim(hub_peft / "llama-prefix", peft::peft_config_file).damage(std::size_t{1} << 20U, 600, tokens);
  Victim(hub_peft / "llama-prompt", peft::peft_weights_file).damage(120, 300, tokens);
}

// A config may ask for any number of layers, heads and rows: shapes are compared before memory is asked for.
TEST_CASE("no config makes a loader ask for memory that the files do not back", "[train]") {
  const Victim victim(hub::folder("llama"), "config.json");
  const auto load = [](const std::filesystem::path& path) { load_hugging_face(path); };
  for (const char* field : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                            "num_key_value_heads", "intermediate_size", "head_dim"})
    for (const std::uint64_t value :
         {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{1024}, std::uint64_t{1} << 17U,
          std::uint64_t{1} << 22U, std::uint64_t{0xFFFFFFFF}, ~std::uint64_t{0}}) {
      nlohmann::json config = nlohmann::json::parse(victim.whole);
      if (config[field] == value) continue;
      config[field] = value;
      INFO(field << " = " << value);
      CHECK_FALSE(victim.survives(config.dump(), load));
    }
}
