#include "tests/accuracy/timeline_scripts.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace tegrascope::accuracy {
namespace {

using namespace std::chrono_literals;

class Maker {
 public:
  explicit Maker(std::uint64_t seed) : random_(seed * 0x9E3779B97F4A7C15ULL + 1) {}

  Script make() {
    Script s;
    s.options.cores = 4;
    s.options.unresolved_limit = 20s;
    s.options.sensors.power_lag = 0ns;
    MonotonicTime now{from_seconds(uniform(1, 1000))};
    if (chance(0.03)) now = idle_minute(s, now);
    const double rate = chance(0.3) ? 1 : 10;
    const int samples = static_cast<int>(uniform(4, 18));
    const MonotonicTime begin = now;
    for (int i = 0; i < samples; ++i) {
      now += from_seconds(uniform(0.02, 2) / rate);
      if (chance(0.03)) now += from_seconds(uniform(3, 8));
      add_sample(s, now, uniform(chance(0.05) ? -2 : 3, 20), uniform(0, 1), uniform(0, 2));
    }
    s.end = now + from_seconds(uniform(0, 2));
    const int requests = static_cast<int>(uniform(0, 4.99));
    for (int i = 0; i < requests; ++i)
      s.requests.push_back(request(static_cast<RequestId>(i + 1), begin, s.end));
    for (int i = static_cast<int>(uniform(0, 5)); i > 0; --i)
      s.looks.push_back(begin + from_seconds(uniform(0, to_seconds(s.end - begin))));
    std::sort(s.looks.begin(), s.looks.end());
    return s;
  }

  double uniform(double low, double high) { return std::uniform_real_distribution<>(low, high)(random_); }
  bool chance(double p) { return uniform(0, 1) < p; }

 private:
  void add_sample(Script& s, MonotonicTime at, double watts, double gpu, double cores) {
    Sample sample{at, watts, gpu, 0ns, 0ns};
    if (!s.samples.empty()) {
      const Sample& last = s.samples.back();
      sample.runner_cpu = last.runner_cpu + from_seconds(to_seconds(at - last.at) * cores);
      sample.total_cpu = last.total_cpu + from_seconds(to_seconds(at - last.at) * (cores + uniform(0, 0.5)));
    }
    s.samples.push_back(sample);
  }
  // Long enough for an idle baseline.
  MonotonicTime idle_minute(Script& s, MonotonicTime now) {
    for (int i = 0; i < 75; ++i, now += 1s) add_sample(s, now, uniform(4.4, 4.6), 0, 0);
    return now;
  }
  Asked request(RequestId id, MonotonicTime begin, MonotonicTime end) {
    Asked a;
    a.id = id;
    a.model = {"s", chance(0.6) ? "a" : "b"};
    ObservedRequest& r = a.seen;
    const double span = to_seconds(end - begin);
    r.operation = chance(0.15) ? Operation::embed : Operation::chat;
    r.started = begin + from_seconds(uniform(-0.1, 0.9) * span);
    r.ended = r.started + from_seconds(chance(0.05) ? 0 : uniform(0, 1) * span);
    r.streamed = chance(0.6);
    const double length = to_seconds(r.ended - r.started);
    if (r.streamed && chance(0.9)) r.first_content = r.started + from_seconds(uniform(0, 1) * length);
    if (chance(0.7)) {
      r.counts = FinalCounts{};
      r.counts->total_duration = r.ended - r.started;
      r.counts->load_duration = from_seconds(uniform(-0.1, 0.5) * length);
      r.counts->prompt_eval_duration = from_seconds(uniform(-0.1, 0.6) * length);
      r.counts->eval_duration = from_seconds(uniform(-0.1, 1.2) * length);
      if (chance(0.8)) r.counts->prompt_tokens = static_cast<std::int64_t>(uniform(1, 2000));
      if (chance(0.05)) r.counts->done_reason = "load";
    }
    if (chance(0.1)) r.outcome = Outcome::client_aborted;
    a.tokens = static_cast<std::int64_t>(uniform(0, 200));
    a.ends = !chance(0.05);
    if (chance(0.2)) a.late = from_seconds(uniform(0, 0.5));
    if (chance(0.03)) a.gone = r.started + from_seconds(uniform(0, 1) * length);
    return a;
  }

  std::mt19937_64 random_;
};

constexpr ProcessId kRunner{7, 7};

}  // namespace

Script make_script(std::uint64_t seed) { return Maker(seed).make(); }

// What the service would hand in, in order of time.
Played play(const Script& s) {
  Attribution a(s.options);
  struct Step {
    MonotonicTime at;
    int kind;  // ties: samples first, looks last
    std::function<void()> act;
  };
  std::vector<Step> steps;
  Played out;
  for (const Sample& x : s.samples) {
    steps.push_back({x.at, 0, [&a, &x] {
                       a.sensors().add_power(x.at, x.watts);
                       a.sensors().add_gpu_load(x.at, x.gpu);
                       a.sensors().add_runner_cpu(kRunner, x.at, x.runner_cpu);
                       a.sensors().add_total_cpu(x.at, x.total_cpu);
                     }});
  }
  for (const Asked& r : s.requests) {
    steps.push_back({r.seen.started, 1, [&a, &r] {
                       ObservedRequest seen;
                       seen.witness = Witness::relay;
                       seen.operation = r.seen.operation;
                       seen.started = r.seen.started;
                       a.open(r.id, seen, r.model);
                       a.describe(r.id, r.model, r.seen.streamed);
                       a.set_runner(r.id, kRunner);
                     }});
    if (r.seen.first_content)
      steps.push_back({*r.seen.first_content, 2, [&a, &r] {
                         a.set_first_content(r.id, *r.seen.first_content);
                         a.set_tokens(r.id, 1, *r.seen.first_content);
                       }});
    if (r.gone) steps.push_back({*r.gone, 3, [&a, &r] { a.discard(r.id); }});
    if (r.ends)
      steps.push_back({r.seen.ended + r.late, 3, [&a, &r] {
                         a.set_tokens(r.id, r.tokens, r.seen.ended);
                         a.close(r.id, r.seen);
                       }});
  }
  const auto look = [&] {
    out.balanced = out.balanced && a.ledger().balanced();
    for (const auto& done : a.take_finished()) {
      Nanoseconds sum{};
      for (const PhaseWindow& w : done.windows.windows) sum += w.end - w.begin;
      out.windows[done.id] = sum;
    }
    for (const auto& done : a.take_booked())
      for (const auto& [phase, amounts] : done.amounts) out.requests[done.id] += amounts;
  };
  for (const MonotonicTime t : s.looks)
    steps.push_back({t, 4, [&, t] {
                       a.advance(t);
                       look();
                     }});
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& x, const Step& y) { return x.at != y.at ? x.at < y.at : x.kind < y.kind; });
  const MonotonicTime begin = steps.front().at - 1s;
  a.advance(begin + s.options.hold_idle);
  for (const Step& step : steps) step.act();
  for (const Nanoseconds after : {5s, 60s}) {
    a.advance(s.end + after);
    look();
  }
  out.totals = a.ledger().totals();
  out.accounts = a.ledger().accounts();
  out.coverage = a.coverage();
  out.elapsed = a.position() - begin;
  out.slices = a.coverage().slices;
  return out;
}

}  // namespace tegrascope::accuracy
