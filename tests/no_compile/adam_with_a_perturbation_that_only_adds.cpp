// expect: zofo: outer::Adam needs a perturbation with fill(direction, tensor, offset, z, n)
#include "zofo/outer/adam.hpp"

struct OnlyAdds {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Adam::State<Eigen::VectorXd> state;
  zofo::outer::Adam{}.apply(theta, OnlyAdds{}, {}, state);
}
