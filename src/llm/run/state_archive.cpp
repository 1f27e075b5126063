#include "zofo/run/state_archive.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "zofo/core/error.hpp"
#include "zofo/parse/json.hpp"

namespace zofo::llm {

StateNumberWriter::StateNumberWriter(std::string name, checkpoint::RunState& out)
    : name_(std::move(name)), out_(out) {
  out_.json()[name_] = nlohmann::json::array();
}

void StateNumberWriter::number(bool x) { out_.json()[name_].push_back(x); }
void StateNumberWriter::number(double x) { out_.json()[name_].push_back(x); }
void StateNumberWriter::number(std::int64_t x) { out_.json()[name_].push_back(x); }
void StateNumberWriter::number(std::uint64_t x) { out_.json()[name_].push_back(x); }

void StateNumberWriter::vector(Eigen::VectorXf x) {
  out_.vectors[fmt::format("{}.{}", name_, vectors_++)] = std::move(x);
}

StateNumberReader::StateNumberReader(std::string name, const checkpoint::RunState& in, std::size_t size)
    : name_(std::move(name)), in_(in), size_(size) {
  const auto found = in_.json().find(name_);
  require(found != in_.json().end() && found->is_array(), "saved state: {}: must be a list", name_);
  numbers_ = &*found;
}

void StateNumberReader::finish() const {
  require(next_ == numbers_->size(), "saved state: {}: {} numbers: must be {}", name_, numbers_->size(),
          next_);
}

const nlohmann::json& StateNumberReader::number() {
  require(next_ < numbers_->size(), "saved state: {}: {} numbers: must be more", name_, numbers_->size());
  return (*numbers_)[next_++];
}

void StateNumberReader::refuse(const char* wanted) const {
  fail("saved state: {}: entry {} = {}: must be {}", name_, next_ - 1, parse::shown((*numbers_)[next_ - 1]),
       wanted);
}

bool StateNumberReader::boolean() {
  const nlohmann::json& value = number();
  if (!value.is_boolean()) refuse("true or false");
  return value.get<bool>();
}

double StateNumberReader::floating() {
  const nlohmann::json& value = number();
  if (!value.is_number() && !value.is_null()) refuse("a number");
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
}

std::uint64_t StateNumberReader::whole(std::uint64_t largest) {
  const nlohmann::json& value = number();
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > largest) refuse("a whole number");
  return value.get<std::uint64_t>();
}

std::uint64_t StateNumberReader::count() {
  const std::uint64_t value = whole(std::numeric_limits<std::uint64_t>::max());
  if (value > numbers_->size()) refuse("at most the numbers of the state");
  return value;
}

const Eigen::VectorXf& StateNumberReader::vector() {
  const std::string name = fmt::format("{}.{}", name_, vectors_++);
  const Eigen::VectorXf* const found = in_.vector(name);
  require(found != nullptr && static_cast<std::size_t>(found->size()) == size_,
          "saved state: vector '{}': must have {} numbers", name, size_);
  return *found;
}

}  // namespace zofo::llm
