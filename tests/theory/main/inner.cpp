#include "theory/main/groups.hpp"
#include "theory/statements/i1.hpp"
#include "theory/statements/i2.hpp"
#include "theory/statements/i3.hpp"
#include "theory/statements/i4.hpp"

std::vector<theory::Statement> theory::inner_statements() {
  return {{"I1", i1}, {"I2", i2}, {"I3", i3}, {"I4", i4}};
}
