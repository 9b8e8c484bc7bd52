#include "tests/accuracy/timelines.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <thread>
#include <vector>

#include "tests/accuracy/timeline_scripts.hpp"

namespace tegrascope::accuracy {
namespace {

using namespace std::chrono_literals;

enum Identity : std::size_t { i1, i2, i3, i4, i5, i6, i7, i8, i9, i10, i11, i13, i14, i15 };

bool near(std::int64_t x, std::int64_t y, std::uint64_t tolerance) {
  return std::abs(x - y) <= static_cast<std::int64_t>(tolerance);
}

class Checker {
 public:
  Checker() {
    constexpr std::array<const char*, kIdentities> kNames{
        "I1 measured = attributed + unattributed + pending",
        "I2 total = above idle + idle share",
        "I3 nothing is negative",
        "I4 another order of the requests changes nothing",
        "I5 samples on the line between others change nothing",
        "I6 another clock changes nothing",
        "I7 twice the power is twice the energy (rounding)",
        "I8 who takes no time or only waits gets nothing",
        "I9 phases add up to the request",
        "I10 a model's account is the sum of its requests",
        "I11 requests get at most what is above idle",
        "I13 covered + gap = elapsed",
        "I14 stopped and started at a sample: the sums add up",
        "I15 the trapezoid is within its bound"};
    for (std::size_t i = 0; i < kIdentities; ++i) counts_[i].name = kNames[i];
  }

  void check(std::uint64_t seed) {
    seed_ = seed;
    const Script script = make_script(seed);
    const Played base = play(script);
    check_sums(script, base);
    switch (seed % 7) {
      case 0:
        check_order(script, base);
        break;
      case 1:
        check_redundant_samples(script);
        break;
      case 2:
        check_shift(script, base);
        break;
      case 3:
        check_scale(script, base);
        break;
      case 4:
        check_nobody(script);
        break;
      case 5:
        check_restart(script);
        break;
      default:
        check_trapezoid(script);
        break;
    }
  }
  const IdentityCounts& counts() const { return counts_; }

 private:
  void tell(Identity identity, bool holds) {
    IdentityCount& count = counts_[identity];
    ++count.checked;
    if (holds) return;
    if (count.violated++ == 0) count.first_seed = seed_;
  }

  void check_sums(const Script& script, const Played& o) {
    const LedgerView& t = o.totals;
    tell(i1, o.balanced && t.pending_energy_nj == 0 && t.pending_gpu_busy_ns == 0);
    bool split = true;
    bool positive = t.measured_energy_nj >= 0 && t.measured_gpu_busy_ns >= 0;
    Amounts of_requests;
    for (const auto& [id, amounts] : o.requests) {
      of_requests += amounts;
      split = split && amounts.idle_energy_nj <= amounts.energy_nj;
      positive = positive && amounts.energy_nj >= 0 && amounts.idle_energy_nj >= 0 &&
                 amounts.gpu_busy_ns >= 0 && amounts.cpu_ns >= 0;
    }
    std::int64_t unattributed = 0;
    std::int64_t idle_unused = 0;
    for (const auto& [reason, nj] : t.unattributed_energy_nj) {
      positive = positive && nj >= 0;
      unattributed += nj;
      if (reason == Unattributed::idle) idle_unused += nj;
    }
    Amounts of_accounts;
    for (const auto& [model, phases] : o.accounts)
      for (const auto& [phase, amounts] : phases) of_accounts += amounts;
    const std::int64_t idle = of_accounts.idle_energy_nj + idle_unused;
    tell(i2, split && of_accounts.energy_nj + unattributed == t.measured_energy_nj &&
                 idle <= t.measured_energy_nj);
    tell(i3, positive);
    tell(i11, of_accounts.energy_nj - of_accounts.idle_energy_nj <= t.measured_energy_nj - idle);
    bool windows = true;
    bool all_booked = true;
    for (const Asked& r : script.requests) {
      if (r.gone || !r.ends) {
        all_booked = false;
        continue;
      }
      const auto seen = o.windows.find(r.id);
      windows = windows && seen != o.windows.end() && seen->second == r.seen.ended - r.seen.started;
    }
    tell(i9, windows);
    if (all_booked) tell(i10, of_requests == of_accounts);
    tell(i13, o.coverage.measured + o.coverage.gap == o.elapsed);
  }

  // The same requests under other numbers.
  void check_order(const Script& script, const Played& base) {
    Script other = script;
    const auto n = static_cast<RequestId>(other.requests.size());
    for (Asked& r : other.requests) r.id = n + 1 - r.id;
    std::reverse(other.requests.begin(), other.requests.end());
    std::map<RequestId, Amounts> back;
    for (const auto& [id, amounts] : play(other).requests) back[n + 1 - id] = amounts;
    tell(i4, back == base.requests);
  }

  // Samples that lie on the line between two others, where nothing began or ended. What a phase usually draws is
  // learned from samples: left out. Looked at once, at the end: newer samples let slices close sooner.
  void check_redundant_samples(const Script& script) {
    Script plain = without_negative(script);
    plain.options.learn_phase_power = false;
    plain.looks.clear();
    Script other = plain;
    for (std::size_t i = 1; i < plain.samples.size(); ++i) {
      const Sample& left = plain.samples[i - 1];
      const Sample& right = plain.samples[i];
      if (right.at - left.at > script.options.sensors.max_gap || changes_between(script, left.at, right.at))
        continue;
      Sample middle = left;
      middle.at += (right.at - left.at) / 2;
      const double part = to_seconds(middle.at - left.at) / to_seconds(right.at - left.at);
      middle.watts += (right.watts - left.watts) * part;
      middle.gpu += (right.gpu - left.gpu) * part;
      middle.runner_cpu += from_seconds(to_seconds(right.runner_cpu - left.runner_cpu) * part);
      middle.total_cpu += from_seconds(to_seconds(right.total_cpu - left.total_cpu) * part);
      other.samples.push_back(middle);
    }
    std::sort(other.samples.begin(), other.samples.end(),
              [](const Sample& a, const Sample& b) { return a.at < b.at; });
    const Played base = play(plain);
    const Played more = play(other);
    tell(i5, near(more.totals.measured_energy_nj, base.totals.measured_energy_nj, 1) &&
                 more.coverage.measured == base.coverage.measured);
  }

  // Power below zero, a sensor's offset, counts as none slice by slice: where it is cut does make a difference.
  static Script without_negative(Script script) {
    for (Sample& x : script.samples) x.watts = std::max(x.watts, 0.0);
    return script;
  }

  static bool changes_between(const Script& script, MonotonicTime a, MonotonicTime b) {
    const auto inside = [&](MonotonicTime t) { return t > a && t < b; };
    return std::any_of(script.requests.begin(), script.requests.end(), [&](const Asked& r) {
      const auto windows = cut_windows(r.seen).windows;
      return inside(r.seen.started) || (r.seen.first_content && inside(*r.seen.first_content)) ||
             std::any_of(windows.begin(), windows.end(), [&](const PhaseWindow& w) { return inside(w.end); });
    });
  }

  void check_shift(const Script& script, const Played& base) {
    Script other = script;
    const Nanoseconds by = 1'234'567'890'123ns;
    other.end += by;
    for (Sample& x : other.samples) x.at += by;
    for (MonotonicTime& t : other.looks) t += by;
    for (Asked& r : other.requests) {
      r.seen.started += by;
      r.seen.ended += by;
      if (r.seen.first_content) *r.seen.first_content += by;
      if (r.gone) *r.gone += by;
    }
    const Played later = play(other);
    tell(i6, later.requests == base.requests &&
                 later.totals.measured_energy_nj == base.totals.measured_energy_nj &&
                 later.totals.unattributed_energy_nj == base.totals.unattributed_energy_nj);
  }

  void check_scale(const Script& script, const Played& base) {
    Script other = script;
    for (Sample& x : other.samples) x.watts *= 2;
    const Played doubled = play(other);
    bool holds = near(doubled.totals.measured_energy_nj, 2 * base.totals.measured_energy_nj, 3);
    for (const auto& [id, amounts] : base.requests) {
      const auto twin = doubled.requests.find(id);
      holds = holds && twin != doubled.requests.end() &&
              near(twin->second.energy_nj, 2 * amounts.energy_nj, 8 * base.slices + 8);
    }
    tell(i7, holds);
  }

  // One that takes no time, at a sample: between two samples it could be a change of load. Looked at once, at the end:
  // the end of a request lets slices close sooner, before later changes are known.
  void check_nobody(const Script& script) {
    Script without = script;
    without.looks.clear();
    Script with = without;
    Asked none;
    none.id = 99;
    none.model = {"s", "c"};
    none.seen.operation = Operation::chat;
    none.seen.started = none.seen.ended = script.samples[script.samples.size() / 2].at;
    with.requests.push_back(none);
    Played more = play(with);
    const bool nothing = more.requests[99] == Amounts();
    more.requests.erase(99);
    tell(i8, nothing && more.requests == play(without).requests);
  }

  void check_restart(const Script& any) {
    const Script script = without_negative(any);
    const std::size_t middle = script.samples.size() / 2;
    Script first = script;
    Script second = script;
    first.samples.resize(middle + 1);
    first.end = first.samples.back().at;
    second.samples.erase(second.samples.begin(),
                         second.samples.begin() + static_cast<std::ptrdiff_t>(middle));
    first.requests.clear();
    second.requests.clear();
    Script whole = script;
    whole.requests.clear();
    const auto measured = [](const Script& s) { return play(s).totals.measured_energy_nj; };
    // Each of the three rounds its sum once.
    tell(i14, near(measured(first) + measured(second), measured(whole), 2));
  }

  void check_trapezoid(const Script& script) {
    Script plain = script;
    plain.options.hold_power_at_edges = false;
    Script held = script;
    held.options.learn_phase_power = false;
    const std::int64_t difference =
        play(held).totals.measured_energy_nj - play(plain).totals.measured_energy_nj;
    double bound_nj = 4 + static_cast<double>(script.samples.size());
    for (std::size_t i = 1; i < script.samples.size(); ++i) {
      const Sample& left = script.samples[i - 1];
      const Sample& right = script.samples[i];
      // Where a slice would be below zero it is cut off.
      const double step =
          std::abs(right.watts - left.watts) + 2 * std::max(-std::min(left.watts, right.watts), 0.0);
      bound_nj += to_seconds(right.at - left.at) / 2 * step * 1e9;
    }
    tell(i15, std::abs(static_cast<double>(difference)) <= bound_nj);
  }

  IdentityCounts counts_{};
  std::uint64_t seed_ = 0;
};

}  // namespace

IdentityCounts check_timelines(std::uint64_t first, std::uint64_t count, unsigned threads) {
  threads = std::max(threads, 1u);
  std::vector<Checker> checkers(threads);
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t) {
    running.emplace_back([&checkers, t, threads, first, count] {
      for (std::uint64_t i = t; i < count; i += threads) checkers[t].check(first + i);
    });
  }
  for (std::thread& thread : running) thread.join();
  IdentityCounts all = checkers.front().counts();
  for (unsigned t = 1; t < threads; ++t) {
    const IdentityCounts& more = checkers[t].counts();
    for (std::size_t i = 0; i < kIdentities; ++i) {
      if (more[i].violated > 0 && (all[i].violated == 0 || more[i].first_seed < all[i].first_seed))
        all[i].first_seed = more[i].first_seed;
      all[i].checked += more[i].checked;
      all[i].violated += more[i].violated;
    }
  }
  return all;
}

}  // namespace tegrascope::accuracy
