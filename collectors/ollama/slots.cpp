#include "collectors/ollama/slots.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

namespace tegrascope {
namespace {

using Json = nlohmann::json;

constexpr int kRefusals = 40;              // in a row: ten seconds at four a second
constexpr std::size_t kMaxGivenUp = 1024;  // runners remembered that have no slots

std::optional<std::int64_t> integer(const Json& object, const char* key) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_integer()) return std::nullopt;
  return it->get<std::int64_t>();
}

// `next_token` is an object, or a list of one in later versions.
std::uint64_t decoded_tokens(const Json& slot) {
  const auto it = slot.find("next_token");
  if (it == slot.end()) return 0;
  const Json& token = it->is_array() && !it->empty() ? it->front() : *it;
  if (!token.is_object()) return 0;
  return static_cast<std::uint64_t>(std::max<std::int64_t>(integer(token, "n_decoded").value_or(0), 0));
}

}  // namespace

std::optional<std::vector<Slot>> parse_slots(std::string_view body) {
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_array()) return std::nullopt;
  std::vector<Slot> slots;
  for (const Json& entry : json) {
    const auto id = entry.is_object() ? integer(entry, "id") : std::nullopt;
    const auto processing = entry.is_object() ? entry.find("is_processing") : entry.end();
    if (!id || processing == entry.end() || !processing->is_boolean()) return std::nullopt;
    if (slots.size() == kMaxSlots) break;
    slots.push_back(
        {*id, integer(entry, "id_task").value_or(-1), processing->get<bool>(), decoded_tokens(entry)});
  }
  return slots;
}

class SlotsPoller::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(Outbound& outbound, std::chrono::milliseconds interval, Sink sink)
      : outbound_(outbound), interval_(interval), sink_(std::move(sink)) {}

  void set_targets(std::vector<SlotsTarget> targets) {
    const std::lock_guard lock{mutex_};
    if (stopped_) return;
    targets_.clear();
    for (const SlotsTarget& target : targets) {
      if (target.port <= 0 || given_up_.contains(target.runner)) continue;
      targets_[target.runner] = target.port;
      if (pending_.insert(target.runner).second) ask(target.runner, target.port);
    }
  }

  void stop() {
    const std::lock_guard lock{mutex_};
    stopped_ = true;
  }

 private:
  void ask(const ProcessId& runner, int port) {
    outbound_.get("http://127.0.0.1:" + std::to_string(port) + "/slots",
                  [weak = weak_from_this(), runner](HttpAnswer answer) {
                    if (const auto core = weak.lock()) core->take(runner, answer);
                  });
  }

  void take(const ProcessId& runner, const HttpAnswer& answer) {
    const std::lock_guard lock{mutex_};
    if (stopped_) return;
    // A runner is seen before it listens.
    const bool refused = answer.failure == HttpFailure::unreachable;
    const bool starting = refused && ++refusals_[runner] < kRefusals;
    const bool again = answer.failure == HttpFailure::timeout || answer.status == 503 || starting;
    if (!starting) refusals_.erase(runner);
    if (!again) {
      SlotsReading reading;
      reading.runner = runner;
      reading.at = monotonic_now();
      auto slots = answer.status == 200 ? parse_slots(answer.body) : std::nullopt;
      if (slots) {
        reading.slots = std::move(*slots);
      } else {
        reading.error = answer.failure != HttpFailure::none ? answer.error
                        : answer.status != 200 ? "/slots answered HTTP " + std::to_string(answer.status)
                                               : "/slots answered with something that is no list of slots";
        if (given_up_.size() >= kMaxGivenUp) given_up_.clear();
        given_up_.insert(runner);
        targets_.erase(runner);
      }
      sink_(std::move(reading));
    }
    if (!targets_.contains(runner)) {
      pending_.erase(runner);
      refusals_.erase(runner);
      return;
    }
    outbound_.call_at(monotonic_now() + interval_, [weak = weak_from_this(), runner] {
      if (const auto core = weak.lock()) core->ask_again(runner);
    });
  }

  void ask_again(const ProcessId& runner) {
    const std::lock_guard lock{mutex_};
    const auto it = targets_.find(runner);
    if (stopped_) return;
    if (it != targets_.end()) {
      ask(runner, it->second);
    } else {
      pending_.erase(runner);
    }
  }

  Outbound& outbound_;
  const std::chrono::milliseconds interval_;
  const Sink sink_;
  std::mutex mutex_;  // held while the sink runs, so that stop() waits for it
  bool stopped_ = false;
  std::map<ProcessId, int> targets_;   // port
  std::set<ProcessId> pending_;        // a question, or the wait for the next one, is under way
  std::map<ProcessId, int> refusals_;  // in a row
  std::set<ProcessId> given_up_;
};

SlotsPoller::SlotsPoller(Outbound& outbound, std::chrono::milliseconds interval, Sink sink)
    : core_(std::make_shared<Core>(outbound, interval, std::move(sink))) {}

SlotsPoller::~SlotsPoller() { stop(); }

void SlotsPoller::set_targets(std::vector<SlotsTarget> targets) { core_->set_targets(std::move(targets)); }

void SlotsPoller::stop() { core_->stop(); }

}  // namespace tegrascope
