/// @file The names under which a backbone and its adapters answer requests.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "zofo/lm/language_model.hpp"

namespace zofo::serve {

/// An adapter, or the backbone, as requests name it.
struct ServedName {
  std::string name;          ///< in requests
  int adapter = -1;          ///< index; −1: none
  std::size_t reserved = 0;  ///< positions of the context for its virtual tokens
};

/// A model behind a server. Threads may share it.
struct ServedModel {
  const llm::Model* model = nullptr;   ///< borrowed
  std::vector<ServedName> names = {};  ///< the first answers requests that name none

  /// The entry of a name; "": the first. Throws ApiError of status 404 that lists the names if there is none.
  [[nodiscard]] const ServedName& find(const std::string& name) const;
};

}  // namespace zofo::serve
