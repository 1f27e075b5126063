// The smallest program that links zofo::llm.
#include <cstdio>

#include "zofo/run/data_folder.hpp"

int main() { std::printf("zofo::llm: %s\n", zofo::llm::program_folder().c_str()); }
