#include "theory/main/groups.hpp"
#include "theory/statements/c1.hpp"
#include "theory/statements/c2.hpp"
#include "theory/statements/c3.hpp"
#include "theory/statements/c4.hpp"

std::vector<theory::Statement> theory::descent_statements() {
  return {{"C1", c1}, {"C2", c2}, {"C3", c3}, {"C4", c4}};
}
