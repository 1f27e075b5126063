// expect: zofo: outer::TrustRegion needs an Outer with linear = true, options.rate and state.steps
#include <Eigen/Core>

#include "zofo/outer/adam.hpp"
#include "zofo/outer/trust_region.hpp"
#include "zofo/perturb/gaussian.hpp"

int main() {
  using Region = zofo::outer::TrustRegion<zofo::outer::Adam>;
  const Region region(zofo::outer::Adam{}, 0.1);
  Region::State<Eigen::VectorXd> state;
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(3);
  region.apply(theta, zofo::Gaussian{}, {}, state);
}
