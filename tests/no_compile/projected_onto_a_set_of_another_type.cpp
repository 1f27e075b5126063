// expect: zofo: outer::Projected needs a Set with project(theta) for this Theta (concept ProjectableSet)
#include "zofo/outer/projected.hpp"
#include "zofo/outer/sgd.hpp"
#include "zofo/perturb/gaussian.hpp"

struct OfMatrices {
  void project(Eigen::MatrixXf&) const {}
};

int main() {
  Eigen::VectorXd theta;
  zofo::outer::Sgd::State<Eigen::VectorXd> state;
  zofo::outer::Projected{zofo::outer::Sgd{}, OfMatrices{}}.apply(theta, zofo::Gaussian{}, {}, state);
}
