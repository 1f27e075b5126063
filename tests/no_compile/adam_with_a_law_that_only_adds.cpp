// expect: zofo: outer::Adam needs a law with fill(direction, tensor, offset, z, n)
#include "zofo/outer/adam.hpp"

struct OnlyAdds {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
  double second_moment_factor(std::size_t) const { return 1.0; }
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Adam::State<Eigen::VectorXd> state;
  zofo::outer::Adam{}.apply(theta, OnlyAdds{}, {}, state);
}
