// expect: zofo: outer::Momentum needs a law with fill(direction, tensor, offset, z, n)
#include "zofo/outer/momentum.hpp"

struct OnlyAdds {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
  double second_moment_factor(std::size_t) const { return 1.0; }
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Momentum::State<Eigen::VectorXd> state;
  zofo::outer::Momentum{}.apply(theta, OnlyAdds{}, {}, state);
}
