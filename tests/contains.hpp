// The substring matcher under the name that neither Catch2 generation takes.
#pragma once

#include <string>

#include "catch.hpp"

#if __has_include(<catch2/catch_all.hpp>)
inline auto contains(const std::string& part) { return Catch::Matchers::ContainsSubstring(part); }
#else
inline auto contains(const std::string& part) { return Catch::Matchers::Contains(part); }
#endif
