#include "theory/main/groups.hpp"
#include "theory/statements/c5.hpp"
#include "theory/statements/c6.hpp"
#include "theory/statements/c7.hpp"
#include "theory/statements/c8.hpp"

std::vector<theory::Statement> theory::algorithm_statements() {
  return {{"C5", c5}, {"C6", c6}, {"C7", c7}, {"C8", c8}};
}
