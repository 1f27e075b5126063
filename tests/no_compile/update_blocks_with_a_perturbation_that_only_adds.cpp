// expect: zofo: for_each_update_block needs a perturbation with fill(direction, tensor, offset, z, n)
#include "zofo/outer/sign.hpp"

struct OnlyAdds {
  void add(Eigen::VectorXd&, zofo::Direction, double) const {}
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Sign::State<Eigen::VectorXd> state;
  zofo::outer::Sign{}.apply(theta, OnlyAdds{}, {}, state);
}
