#include "simulator/batch.hpp"

#include <bit>
#include <stdexcept>

namespace tegrascope::simulator {
namespace {

constexpr double kSharedPart = 6.0 / 7.0;
constexpr double kPowerPerFurther = 0.03;
constexpr int kMostPlayers = 12;

double above_idle(const BoardLoad& load) { return load.power.vdd_in - idle_load().power.vdd_in; }

double decode_seconds(const RunnerSpeed& speed, double own_costs) {
  return (kSharedPart + (1 - kSharedPart) * own_costs) / speed.tokens_per_second;
}

double decode_watts(const RunnerSpeed& speed, int decoders) {
  return above_idle(speed.decode) * (1 + kPowerPerFurther * (decoders - 1));
}

}  // namespace

RunnerSpeed runner_speed(const SimulatedModel& model, Placement placement, double gpu_fraction) {
  return {decode_rate(model, placement, gpu_fraction), prompt_rate(model, placement, gpu_fraction),
          board_load(RunnerWork::decode, model, placement, gpu_fraction),
          board_load(RunnerWork::prefill, model, placement, gpu_fraction)};
}

std::vector<double> shapley_values(int players, const std::function<double(unsigned)>& cost) {
  if (players > kMostPlayers) throw std::invalid_argument("Shapley values of more than 12 players");
  const unsigned all = (1u << players) - 1;
  std::vector<double> of(all + 1u, 0.0);
  for (unsigned set = 1; set <= all; ++set) of[set] = cost(set);
  // The share of orders in which exactly the players of a set of this size come before one: s! (n-s-1)! / n!
  std::vector<double> weight(static_cast<std::size_t>(players));
  for (int s = 0; s < players; ++s) {
    double choose = 1;
    for (int i = 0; i < s; ++i) choose = choose * (players - 1 - i) / (i + 1);
    weight[static_cast<std::size_t>(s)] = 1.0 / (players * choose);
  }
  std::vector<double> values(static_cast<std::size_t>(players), 0.0);
  for (int p = 0; p < players; ++p) {
    const unsigned mine = 1u << p;
    for (unsigned set = 0; set <= all; ++set) {
      if ((set & mine) != 0) continue;
      values[static_cast<std::size_t>(p)] +=
          weight[static_cast<std::size_t>(std::popcount(set))] * (of[set | mine] - of[set]);
    }
  }
  return values;
}

BatchPass batch_pass(const RunnerSpeed& speed, const std::vector<BatchMember>& members) {
  std::vector<std::size_t> decoders;
  double prompt_seconds = 0;
  double own_costs = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].decodes) {
      decoders.push_back(i);
      own_costs += members[i].own_cost;
    } else {
      prompt_seconds += members[i].chunk_tokens / speed.prompt_tokens_per_second;
    }
  }
  const int count = static_cast<int>(decoders.size());
  const double decoding = count > 0 ? decode_seconds(speed, own_costs) : 0.0;
  const double prompt_watts = above_idle(speed.prefill);
  const double joules =
      (count > 0 ? decode_watts(speed, count) * decoding : 0.0) + prompt_watts * prompt_seconds;

  BatchPass pass;
  pass.seconds = decoding + prompt_seconds;
  pass.watts = joules / pass.seconds;
  pass.gpu = (speed.decode.gpu * decoding + speed.prefill.gpu * prompt_seconds) / pass.seconds;
  pass.runner_cores =
      (speed.decode.runner_cores * decoding + speed.prefill.runner_cores * prompt_seconds) / pass.seconds;
  pass.shares.resize(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!members[i].decodes)
      pass.shares[i] = prompt_watts * members[i].chunk_tokens / speed.prompt_tokens_per_second / joules;
  }
  if (count == 0) return pass;
  const auto values = shapley_values(count, [&](unsigned set) {
    double costs = 0;
    for (int i = 0; i < count; ++i)
      if ((set >> i & 1u) != 0) costs += members[decoders[static_cast<std::size_t>(i)]].own_cost;
    return decode_watts(speed, std::popcount(set)) * decode_seconds(speed, costs);
  });
  for (std::size_t i = 0; i < decoders.size(); ++i) pass.shares[decoders[i]] = values[i] / joules;
  return pass;
}

}  // namespace tegrascope::simulator
