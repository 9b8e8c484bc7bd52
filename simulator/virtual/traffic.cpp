#include "simulator/virtual/traffic.hpp"

#include <algorithm>
#include <cmath>

namespace tegrascope::simulator {
namespace {

double uniform(std::mt19937_64& random, const Range& range) {
  return std::uniform_real_distribution<>(range.low, range.high)(random);
}

std::int64_t tokens(std::mt19937_64& random, const Range& range) {
  const double low = std::log(std::max(range.low, 1.0));
  const double high = std::log(std::max(range.high, 1.0));
  return std::llround(std::exp(std::uniform_real_distribution<>(low, high)(random)));
}

}  // namespace

Traffic::Traffic(const VirtualScenario& scenario, std::uint64_t seed)
    : lead_in_seconds_(scenario.lead_in_seconds), duration_seconds_(scenario.duration_seconds) {
  for (std::size_t i = 0; i < scenario.traffic.size(); ++i) {
    std::seed_seq seeds{seed, std::uint64_t{17}, static_cast<std::uint64_t>(i)};
    groups_.push_back({scenario.traffic[i], std::mt19937_64(seeds)});
  }
}

std::optional<Traffic::Arrival> Traffic::allowed(std::size_t group, MonotonicTime at) {
  Group& g = groups_[group];
  const double end = std::min(duration_seconds_, g.asked.until_seconds);
  if (to_seconds(at.time_since_epoch()) >= end) return std::nullopt;
  if (g.asked.count > 0 && g.sent >= g.asked.count) return std::nullopt;
  ++g.sent;
  return Arrival{at, group};
}

std::vector<Traffic::Arrival> Traffic::begin() {
  std::vector<Arrival> first;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    Group& g = groups_[i];
    const MonotonicTime from{from_seconds(std::max(lead_in_seconds_, g.asked.from_seconds))};
    if (const auto arrival = after_arrival(i, from)) first.push_back(*arrival);
    for (int user = 0; user < g.asked.users; ++user) {
      const Nanoseconds wait = from_seconds(uniform(g.random, {0, g.asked.pause_seconds.high}));
      if (const auto arrival = allowed(i, from + wait)) first.push_back(*arrival);
    }
  }
  return first;
}

std::optional<Traffic::Arrival> Traffic::after_arrival(std::size_t group, MonotonicTime at) {
  Group& g = groups_[group];
  if (g.asked.per_hour <= 0) return std::nullopt;
  const double wait = std::exponential_distribution<>(g.asked.per_hour / 3600.0)(g.random);
  return allowed(group, at + from_seconds(wait));
}

std::optional<Traffic::Arrival> Traffic::after_answer(std::size_t group, MonotonicTime at) {
  Group& g = groups_[group];
  if (g.asked.users <= 0) return std::nullopt;
  return allowed(group, at + from_seconds(uniform(g.random, g.asked.pause_seconds)));
}

Job Traffic::draw(std::size_t group) {
  Group& g = groups_[group];
  Job job;
  job.group = group;
  VirtualRequest& r = job.truth;
  r.model = g.asked.model;
  r.api = g.asked.api;
  r.streamed = g.asked.streamed && r.api != Api::embed && r.api != Api::load;
  const std::int64_t prompt = tokens(g.random, g.asked.prompt_tokens);
  const std::int64_t output = tokens(g.random, g.asked.output_tokens);
  const double cached = uniform(g.random, g.asked.cached_share);
  const double leaves = std::uniform_real_distribution<>(0, 1)(g.random);
  const double leaves_at = std::uniform_real_distribution<>(0, 1)(g.random);
  if (r.api == Api::load) return job;
  r.prompt_tokens = prompt;
  // llama.cpp evaluates at least the prompt's last token.
  r.evaluated_tokens = std::max<std::int64_t>(std::llround(static_cast<double>(prompt) * (1 - cached)), 1);
  if (r.api == Api::embed) return job;
  job.wanted_output = output;
  if (leaves < g.asked.cancelled_share) {
    r.cancelled = true;
    job.wanted_output = std::max<std::int64_t>(std::llround(static_cast<double>(output) * leaves_at), 1);
  }
  // A longer context is read in each pass: from 0.6 of the usual cost upwards.
  job.own_cost = 0.6 + 0.4 * (static_cast<double>(prompt) + static_cast<double>(output) / 2) / 500.0;
  return job;
}

}  // namespace tegrascope::simulator
