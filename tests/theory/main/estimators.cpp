#include "theory/main/groups.hpp"
#include "theory/statements/e1.hpp"
#include "theory/statements/e10.hpp"
#include "theory/statements/e2.hpp"
#include "theory/statements/e3.hpp"
#include "theory/statements/e4.hpp"
#include "theory/statements/e5.hpp"
#include "theory/statements/e6.hpp"
#include "theory/statements/e7.hpp"
#include "theory/statements/e8.hpp"
#include "theory/statements/e9.hpp"

std::vector<theory::Statement> theory::estimator_statements() {
  return {{"E1", e1}, {"E2", e2}, {"E3", e3}, {"E4", e4}, {"E5", e5},
          {"E6", e6}, {"E7", e7}, {"E8", e8}, {"E9", e9}, {"E10", e10}};
}
