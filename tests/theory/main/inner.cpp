#include "theory/main/groups.hpp"
#include "theory/statements/i1.hpp"
#include "theory/statements/i3.hpp"

std::vector<theory::Statement> theory::inner_statements() { return {{"I1", i1}, {"I3", i3}}; }
