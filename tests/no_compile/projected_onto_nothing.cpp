// expect: zofo: outer::Projected needs a Set with project(theta) for this Theta (concept ProjectableSet)
#include "zofo/outer/projected.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct Halfspace {
  Eigen::VectorXd normal;
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Sgd::State<Eigen::VectorXd> state;
  zofo::outer::Projected{zofo::outer::Sgd{}, Halfspace{}}.apply(theta, zofo::Gaussian{}, {}, state);
}
