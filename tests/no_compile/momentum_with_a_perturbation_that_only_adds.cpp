// expect: zofo: outer::Momentum needs a perturbation with fill(direction, tensor, offset, z, n)
#include "zofo/outer/momentum.hpp"

struct OnlyAdds {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Momentum::State<Eigen::VectorXd> state;
  zofo::outer::Momentum{}.apply(theta, OnlyAdds{}, {}, state);
}
