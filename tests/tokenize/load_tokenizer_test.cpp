#include "zofo/tokenize/load_tokenizer.hpp"

#include <fstream>

#include "catch.hpp"
#include "data/temporary_folder.hpp"
#include "golden.hpp"

using namespace zofo::tokenize;
using Catch::Matchers::Contains;
using Ids = std::vector<std::int32_t>;
