/// @file safetensors files made by hand, valid or not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "zofo/checkpoint/safetensors.hpp"
#include "zofo/core/error.hpp"

namespace zofo::checkpoint {

/// Length, header, data.
inline std::string safetensors_text(std::string_view header, std::string_view data) {
  const std::uint64_t length = header.size();
  std::string file(reinterpret_cast<const char*>(&length), sizeof length);
  return file.append(header).append(data);
}

/// The error of opening the bytes, or "nothing thrown".
inline std::string safetensors_error(std::string_view file) {
  try {
    const SafetensorsFile opened(std::as_bytes(std::span(file)), "hostile.safetensors");
  } catch (const zofo::Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace zofo::checkpoint
