#include "zofo/run/event_file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "zofo/core/error.hpp"

namespace zofo::llm {

namespace {

namespace fs = std::filesystem;

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

bool is_event_file(std::string_view name) { return name.starts_with(EventFiles::prefix); }

// The names of a folder's event files, the newest last.
std::vector<std::string> event_files(const fs::path& folder) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (std::string name = entry.path().filename().string(); is_event_file(name))
      names.push_back(std::move(name));
  std::ranges::sort(names);
  return names;
}

// The seconds in an event file's name; 0 where it has none.
std::uint64_t seconds_in(std::string_view name) {
  name.remove_prefix(std::string_view(EventFiles::prefix).size());
  std::uint64_t seconds = 0;
  std::from_chars(name.data(), name.data() + name.size(), seconds);
  return seconds;
}

// The machine's name, without characters that are special in names of files.
std::string machine_name() {
  std::array<char, 256> text{};
  if (gethostname(text.data(), text.size() - 1) != 0) return "machine";
  std::string name(text.data());
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '.') c = '_';
  return name.empty() ? "machine" : name;
}

}  // namespace

void EventFiles::open() {
  // Readers take the files in the order of their names, so a later file has later seconds, even if the clock
  // was set back.
  const std::vector<std::string> before = event_files(folder_);
  const double now = seconds_since_1970();
  auto seconds = static_cast<std::uint64_t>(std::max(0.0, now));
  if (!before.empty()) seconds = std::max(seconds, seconds_in(before.back()) + 1);
  name_ = fmt::format("{}{:010}.{}.{}.zofo", prefix, seconds, machine_name(), getpid());
  bytes_ = 0;
  file_.emplace(folder_ / name_);
  std::string start = event_record(version_event(now));
  if (after_) start += event_record(start_event(now, *after_ + 1));
  file_->append(start);
  bytes_ = start.size();
}

void EventFiles::write(std::uint64_t steps, std::span<const Scalar> scalars) {
  if (!on_) return;
  std::vector<Scalar> numbers;
  std::ranges::copy_if(scalars, std::back_inserter(numbers),
                       [](const Scalar& scalar) { return !std::isnan(scalar.value); });
  if (numbers.empty()) return;
  if (!file_) open();
  const std::string record = event_record(scalars_event(seconds_since_1970(), steps, numbers));
  file_->append(record);
  bytes_ += record.size();
}

nlohmann::json EventFiles::position() {
  if (file_) file_->settle();
  return name_.empty() ? nlohmann::json() : nlohmann::json{name_, bytes_};
}

void EventFiles::continue_after(const nlohmann::json& position, std::uint64_t steps) {
  std::string name;
  std::uint64_t bytes = 0;
  if (!position.is_null()) {
    require(position.is_array() && position.size() == 2 && position[0].is_string() &&
                position[1].is_number_unsigned(),
            "saved state: log: events: must be the name of a file and its length");
    name = position[0].get<std::string>();
    bytes = position[1].get<std::uint64_t>();
    require(is_event_file(name) && name.find('/') == std::string::npos,
            "saved state: log: events = '{}': must be the name of an event file", name);
  }
  std::error_code error;
  for (const std::string& each : event_files(folder_)) {
    const fs::path file = folder_ / each;
    if (each > name) {
      fs::remove(file, error);
      require(!error, "{}: cannot be removed: {}", file.string(), error.message());
    } else if (each == name && fs::file_size(file) > bytes) {
      AppendFile(file).cut(bytes);
    }
  }
  name_ = std::move(name);
  bytes_ = bytes;
  after_ = steps;
}

}  // namespace zofo::llm
