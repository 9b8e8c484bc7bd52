// What requests cost, learned on this board: by it those that run at the same time share their energy (attribution
// method 2.6). All joules are above idle. Pure.
//
// A decode pass reads the model's weights once, however many requests are in it, and each one's context for that one
// alone. So the joules of a pass with b requests are
//
//     A(b) + B (sum of their contexts)
//
// B and A(1) come from requests that decoded alone with long and short contexts; A(b) from times in which b requests
// decoded and nothing else ran. Each pays A(b) / b for the weights, and its own context.
#pragma once

#include <map>
#include <optional>

#include "agent/attribution/phase_history.hpp"

namespace tegrascope {

// Sums over passes with the same number of requests in them; older ones fade.
struct PassSums {
  double passes = 0;
  double joules = 0;
  double seconds = 0;
  double context_tokens = 0;  // of all requests in them
};

// Weighted sums of joules per token (y) over mean context in tokens (x), one entry a request; older ones fade.
struct ContextFit {
  double w = 0, x = 0, y = 0, xx = 0, xy = 0, yy = 0;
  double requests = 0;

  void add(double context, double joules_per_token, double weight);
  // Joules per token of context; 0 where too little is known to tell.
  double slope() const;
  double mean_context() const { return w > 0 ? x / w : 0.0; }
};

struct DecodeCost {
  ContextFit fit;
  std::map<int, PassSums> passes;  // by number of requests
};

// What a token costs in a pass of so many requests: its part of reading the weights, and its own context.
struct TokenCost {
  double weights_joules = 0;
  double joules_per_context_token = 0;
  double usual_context = 0;

  double joules(std::optional<double> context) const {
    return weights_joules + joules_per_context_token * context.value_or(usual_context);
  }
};

class UnitCosts {
 public:
  // A phase of a request that had the board for itself: `value` in watts, of load and prefill.
  void learn(const ModelKey& model, Phase phase, double watts) { watts_.learn(model, phase, watts); }
  // A decode that had the board for itself.
  void learn_decode(const ModelKey& model, double joules_per_token, double context, double tokens);
  // A time in which `decoders` requests of one model decoded and nothing else ran.
  void learn_passes(const ModelKey& model, int decoders, const PassSums& seen);

  // Of load and prefill, alone.
  std::optional<double> watts(const ModelKey& model, Phase phase) const {
    return watts_.typical(model, phase);
  }
  // In a pass of `decoders`.
  std::optional<TokenCost> token_cost(const ModelKey& model, int decoders) const;
  // Of a token of a request with this context (absent: the usual one), in a pass of `decoders`.
  std::optional<double> token_joules(const ModelKey& model, int decoders,
                                     std::optional<double> context) const;
  // How long a pass of `decoders` takes with nothing else in it.
  std::optional<double> pass_seconds(const ModelKey& model, int decoders) const;

  void forget();

  // What outlives a run.
  const PhaseHistory& phase_watts() const { return watts_; }
  PhaseHistory& phase_watts() { return watts_; }
  const std::map<ModelKey, DecodeCost>& decode_costs() const { return decode_; }
  bool empty() const { return watts_.seen().empty() && decode_.empty(); }
  // Takes in what an earlier run had learned of `model`, unless this one has learned something itself.
  void restore(const ModelKey& model, const DecodeCost& cost);

 private:
  // Of the passes with `decoders`, or of those with the nearest numbers.
  template <class Value>
  static std::optional<double> per_pass(const DecodeCost& cost, int decoders, Value value);

  PhaseHistory watts_{2};
  std::map<ModelKey, DecodeCost> decode_;
  Recency<ModelKey> recency_;
};

}  // namespace tegrascope
