// expect: zofo: inner::Adam needs coordinates(x) with size() and [i] (concept HasCoordinates)
#include "zofo/inner/adam.hpp"

struct Number {
  double value = 0.0;
};
void axpy(double a, const Number& x, Number& y) { y.value += a * x.value; }
double dot(const Number& x, const Number& y) { return x.value * y.value; }
double norm(const Number& x) { return x.value < 0.0 ? -x.value : x.value; }
void scale(double a, Number& x) { x.value *= a; }
void assign(const Number& x, Number& y) { y = x; }
Number zeros_like(const Number&) { return {}; }

struct Square {
  double value_and_gradient(const Number& x, Number& gradient) {
    gradient.value = x.value;
    return 0.5 * x.value * x.value;
  }
};

int main() {
  Square objective;
  Number x;
  zofo::inner::Adam::State<Number> state;
  zofo::inner::inner_solve(zofo::inner::Adam{}, objective, x, state, {1});
}
