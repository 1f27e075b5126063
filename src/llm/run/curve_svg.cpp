#include "zofo/run/curve_svg.hpp"

#include <array>

#include "zofo/run/plot.hpp"

namespace zofo::llm {

std::string curve_svg(std::string_view title, const std::vector<Curve>& curves) {
  std::array<Plot, 2> plots{Plot{"accuracy (held-out examples)", "training seconds", {}},
                            Plot{"loss (held-out examples)", "training seconds", {}}};
  for (const Curve& curve : curves) {
    PlotLine accuracy{curve.name, {}}, loss{curve.name, {}};
    for (const Curve::Point& point : curve.points) {
      accuracy.points.push_back({point.seconds, point.accuracy});
      loss.points.push_back({point.seconds, point.loss});
    }
    plots[0].lines.push_back(std::move(accuracy));
    plots[1].lines.push_back(std::move(loss));
  }
  return plots_svg(title, plots);
}

}  // namespace zofo::llm
