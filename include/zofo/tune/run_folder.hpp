/// @file The folder a run leaves behind: written atomically, never over another run.
#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"
#include "zofo/core/zo_gradient.hpp"
#include "zofo/perturb/perturbation.hpp"

namespace zofo::tune {

/// A file that grows line by line, each line flushed; throws Error when the disk refuses one.
class AppendFile {
 public:
  explicit AppendFile(std::filesystem::path path)
      : path_(std::move(path)), file_(std::fopen(path_.c_str(), "ab")) {
    require(file_ != nullptr, "{}: cannot be opened for writing: {}", path_.string(), std::strerror(errno));
  }
  /// Appends `text` and a line end.
  void line(std::string_view text) {
    std::string with_end(text);
    with_end += '\n';
    const bool written = std::fwrite(with_end.data(), 1, with_end.size(), file_.get()) == with_end.size() &&
                         std::fflush(file_.get()) == 0;
    require(written, "{}: write failed: {}", path_.string(), std::strerror(errno));
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// Writes `bytes` beside `path` and renames it there, so a reader sees all of it or nothing.
inline void write_atomically(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path temporary = path.string() + ".part";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  require(file != nullptr, "{}: cannot be opened for writing: {}", temporary.string(), std::strerror(errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) {
    const std::string reason = std::strerror(errno);
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    fail("{}: write failed: {}", path.string(), reason);
  }
  std::error_code error;
  std::filesystem::rename(temporary, path, error);
  require(!error, "{}: rename failed: {}", path.string(), error.message());
}

/// All bytes of a file; throws Error if it can't be read.
inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  require(in.good(), "{}: cannot be read", path.string());
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// A run's new folder.
class RunFolder {
 public:
  /// Makes the folder (and its parents); throws Error if it exists: nothing is overwritten.
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {
    require(!path_.empty(), "out = \"\": must name a folder");
    std::error_code error;
    if (path_.has_parent_path()) std::filesystem::create_directories(path_.parent_path(), error);
    require(!error, "{}: cannot be made: {}", path_.parent_path().string(), error.message());
    const bool made = std::filesystem::create_directory(path_, error);
    require(!error, "{}: cannot be made: {}", path_.string(), error.message());
    require(made, "{}: already exists: name a new run folder", path_.string());
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path file(std::string_view name) const { return path_ / name; }
  /// Writes a file of the folder in one piece.
  void write(std::string_view name, std::string_view bytes) const { write_atomically(file(name), bytes); }
  /// The last thing a complete run writes.
  void mark_done() const { write("done", "done\n"); }

 private:
  std::filesystem::path path_;
};

/// The adapter a run serves and how to use it. Saved as: 8 bytes magic, 8 bytes header length, JSON header,
/// floats.
struct Served {
  std::string what = "none";  ///< "upper" (θ, p), "lower" (θ, s) or "backbone" (θ alone)
  std::string direction = "gaussian";
  std::uint32_t lora_rank = 8;
  double lora_alpha = 16.0;
  std::string lora_targets = "q,v";
  double upper_loss = 0.0;  ///< of (θ, p) on the rows that decided; 0 where nothing was to decide
  double lower_loss = 0.0;  ///< of (θ, s) on the same rows
  std::uint64_t decision_rows = 0;
  Eigen::VectorXf adapter;  ///< empty for "backbone"
};

inline constexpr std::string_view adapter_magic = "ZOFOADP1";

/// Bytes of adapter.bin.
inline std::string to_bytes(const Served& served) {
  const nlohmann::json header = {{"served", served.what},
                                 {"direction", served.direction},
                                 {"lora_rank", served.lora_rank},
                                 {"lora_alpha", served.lora_alpha},
                                 {"lora_targets", served.lora_targets},
                                 {"count", served.adapter.size()},
                                 {"decision",
                                  {{"upper_loss", served.upper_loss},
                                   {"lower_loss", served.lower_loss},
                                   {"rows", served.decision_rows}}}};
  const std::string text = header.dump();
  const auto length = static_cast<std::uint64_t>(text.size());
  std::string bytes(adapter_magic);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
  bytes += text;
  bytes.append(reinterpret_cast<const char*>(served.adapter.data()),
               static_cast<std::size_t>(served.adapter.size()) * sizeof(float));
  return bytes;
}

/// Reads adapter.bin; throws Error (file, field) unless it is complete and consistent.
inline Served read_served(const std::filesystem::path& path) {
  const std::string bytes = read_all(path);
  require(bytes.size() >= 16 && std::string_view(bytes).substr(0, 8) == adapter_magic,
          "{}: not an adapter file", path.string());
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data() + 8, sizeof length);
  require(length <= bytes.size() - 16, "{}: header length {} goes past the end of the file", path.string(),
          length);
  Served served;
  std::uint64_t count = 0;
  try {
    const nlohmann::json header = nlohmann::json::parse(std::string_view(bytes).substr(16, length));
    served.what = header.at("served").get<std::string>();
    served.direction = header.at("direction").get<std::string>();
    served.lora_rank = header.at("lora_rank").get<std::uint32_t>();
    served.lora_alpha = header.at("lora_alpha").get<double>();
    served.lora_targets = header.at("lora_targets").get<std::string>();
    count = header.at("count").get<std::uint64_t>();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: header: {}", path.string(), error.what());
  }
  const std::uint64_t rest = bytes.size() - 16 - length;
  require(rest % sizeof(float) == 0 && rest / sizeof(float) == count,
          "{}: count = {}: the file holds {} bytes of them", path.string(), count, rest);
  served.adapter.resize(static_cast<Eigen::Index>(count));
  if (rest > 0) std::memcpy(served.adapter.data(), bytes.data() + 16 + length, rest);
  return served;
}

/// One line of trajectory.jsonl: θ ← θ + coefficient · z(direction).
inline std::string to_line(const ZoTerm& move) {
  return nlohmann::json{{"seed", move.direction.seed},
                        {"step", move.direction.step},
                        {"query", move.direction.query},
                        {"coefficient", move.coefficient}}
      .dump();
}

/// Reads trajectory.jsonl; throws Error with file and line.
inline std::vector<ZoTerm> read_trajectory(const std::filesystem::path& path) {
  std::ifstream in(path);
  require(in.good(), "{}: cannot be read", path.string());
  std::vector<ZoTerm> moves;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    try {
      const nlohmann::json row = nlohmann::json::parse(line);
      moves.push_back({{row.at("seed").get<std::uint64_t>(), row.at("step").get<std::uint32_t>(),
                        row.at("query").get<std::uint32_t>()},
                       row.at("coefficient").get<double>()});
    } catch (const nlohmann::json::exception& error) {
      fail("{}:{}: {}", path.string(), number, error.what());
    }
  }
  return moves;
}

/// Moves θ_0 along a trajectory: θ_K to the bit, since each line is the same update in the same order. A θ
/// that takes all terms of a step at once gets those of one step together, as it did in the run.
template <class Law, class Theta>
void replay(const Law& law, const std::vector<ZoTerm>& moves, Theta& theta) {
  if constexpr (MovesAlong<Theta, Law>) {
    const std::span<const ZoTerm> all(moves);
    for (std::size_t first = 0; first < all.size();) {
      std::size_t end = first + 1;
      while (end < all.size() && all[end].direction.step == all[first].direction.step) ++end;
      move_along(theta, law, all.subspan(first, end - first));
      first = end;
    }
  } else {
    for (const ZoTerm& move : moves) law.add(theta, move.direction, move.coefficient);
  }
}

}  // namespace zofo::tune
