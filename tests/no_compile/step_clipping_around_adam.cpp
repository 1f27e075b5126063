// expect: zofo: outer::StepClipping needs an Outer with linear = true, rate and state.steps
#include <Eigen/Core>

#include "zofo/outer/adam.hpp"
#include "zofo/outer/step_clipping.hpp"
#include "zofo/perturb/gaussian.hpp"

int main() {
  using Clipped = zofo::outer::StepClipping<zofo::outer::Adam>;
  const Clipped clipped{zofo::outer::Adam{}, 0.1};
  Clipped::State<Eigen::VectorXd> state;
  Eigen::VectorXd theta = Eigen::VectorXd::Zero(3);
  clipped.apply(theta, zofo::Gaussian{}, {}, state);
}
