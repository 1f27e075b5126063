// One include for both Catch2 generations: Debian 12 ships v2, Ubuntu 24.04 ships v3.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;
#else
#include <catch2/catch.hpp>
#endif
