#include "theory/main/groups.hpp"
#include "theory/statements/p1.hpp"
#include "theory/statements/p2.hpp"
#include "theory/statements/p3.hpp"

std::vector<theory::Statement> theory::penalty_statements() { return {{"P1", p1}, {"P2", p2}, {"P3", p3}}; }
