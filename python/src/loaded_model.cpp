#include "loaded_model.hpp"

#include <cstddef>
#include <utility>

#include "zofo/data/jsonl.hpp"
#include "zofo/lm/packed_losses.hpp"
#include "zofo/lm/score_requests.hpp"
#include "zofo/train/impl/run_model.hpp"

namespace zofo::python {

namespace {

// A model on a device of one kind.
template <class Device>
class ModelOn final : public LoadedModel {
 public:
  ModelOn(std::unique_ptr<Device> device, llm::Model model, const llm::ModelParts& parts)
      : device_(std::move(device)), of_(*device_, std::move(model), parts) {}

  llm::Scores evaluate(const data::TaskData& data, const llm::EvaluateOptions& options) override {
    return llm::evaluate(of_, data, options);
  }

  std::vector<std::string> score(std::span<const std::string> lines,
                                 const std::function<void()>& between) override {
    const auto selected = adapters();
    std::vector<std::string> answers;
    std::vector<llm::Request> waiting;
    std::size_t tokens = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const data::JsonLine line = data::parse_json_line(lines[i], "requests", i + 1);
      waiting.push_back(llm::parse_request(of_.state().model, line, selected));
      tokens += llm::packed_tokens(waiting.back().example);
      if (tokens < State::Backend::max_batch_tokens && i + 1 < lines.size()) continue;
      for (std::string& each : llm::answer_requests(*of_.state().transformer, of_.state().theta, selected,
                                                    std::span<const llm::Request>(waiting)))
        answers.push_back(std::move(each));
      waiting.clear();
      tokens = 0;
      between();
    }
    return answers;
  }

  llm::Predictions predict(const data::TaskData& data, data::RowSource& rows,
                           const llm::PredictOptions& options,
                           const std::function<void(const std::string&)>& write,
                           const std::function<void()>& flush) override {
    return llm::predict_rows(of_, data, rows, options, write, flush);
  }

  std::vector<llm::Generation> generate(std::span<const std::string> prompts,
                                        const llm::GenerateOptions& options,
                                        const llm::TokenObserver& on_token) override {
    return llm::generate(of_, prompts, options, on_token);
  }

  [[nodiscard]] const model::Config& config() const override { return of_.state().transformer->config(); }
  [[nodiscard]] bool has_adapter() const override { return of_.state().adapter.has_value(); }
  [[nodiscard]] const tokenize::Tokenizer& tokenizer() const override { return of_.state().model.tokenizer; }

 private:
  using State = typename llm::RunModel<Device>::State;

  // The model's adapter for every request.
  [[nodiscard]] llm::SelectedAdapters<typename State::Vector> adapters() {
    llm::SelectedAdapters<typename State::Vector> selected;
    const State& state = of_.state();
    if (!state.adapter) return selected;
    selected.names = {""};
    selected.adapters = {{&*state.adapter, state.transformer->adapters().first(), state.reserved()}};
    selected.fallback = 0;
    return selected;
  }

  std::unique_ptr<Device> device_;
  llm::RunModel<Device> of_;
};

}  // namespace

std::unique_ptr<LoadedModel> put_on(cli::Device device, llm::Model model, const llm::ModelParts& parts) {
  return cli::open_device(
      device, [&]<class Device>(std::unique_ptr<Device> opened) -> std::unique_ptr<LoadedModel> {
        return std::make_unique<ModelOn<Device>>(std::move(opened), std::move(model), parts);
      });
}

}  // namespace zofo::python
