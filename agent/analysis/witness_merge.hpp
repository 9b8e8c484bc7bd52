// One request, one record: several witnesses may report the same request; the strongest of them stands for
// it (the order of Witness). Stands between the witnesses and the request table. Pure; one thread at a time.
//
//   relay, capture  exact: applied at once. What weaker witnesses said of the same work is taken back.
//   slots           one of them is one request: held for a second, because a captured request is reported
//                   later than a poll of the slots can see it. Matched one to one by time.
//   log             known at its end only: held for three seconds, matched one to one by end, duration and
//                   route. The log does not name the model: it is that of the spell whose place the
//                   request takes, else, when it ended well, the only one that the server holds. A model
//                   that came and went between two polls beside another one is not told apart.
//   process         a busy runner: the same work as any stronger request in that time. Where the server's
//                   log is followed, its end waits for the log's lines: the requests that the log names take
//                   the place of the spell, with its model and runner.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/analysis/request_table.hpp"

namespace tegrascope {

class WitnessMerge {
 public:
  WitnessMerge(RequestTable& requests, const Residency& residency)
      : requests_(requests), residency_(residency) {}

  // The server's log is read, so that each of its requests will be named at its end.
  void set_log_followed(const std::string& server, bool followed);

  void add(const RequestEvent& event);
  // Releases what no stronger witness claimed in time.
  void advance(MonotonicTime now);

  // Something waits to be released: sample fast, a request may be open.
  bool holding() const;

 private:
  enum class State : std::uint8_t {
    waiting,   // its events are held
    applied,   // they went on; those to come do as well
    settling,  // process: applied, but its end is held
    same       // another witness's request: dropped
  };
  struct Sighting {
    RequestStarted started;
    std::optional<MonotonicTime> ended;
    State state = State::applied;
    MonotonicTime release_at{};
    std::vector<RequestEvent> held;
    std::optional<RequestDescribed> described;
    bool remote = false;         // no runner of this board works for it
    bool seen_by_slots = false;  // each stronger request takes one request of slots and one of the log
    bool seen_by_log = false;

    bool exact() const { return started.witness <= Witness::capture; }
  };
  using Sightings = std::map<RequestId, Sighting>;

  void start(const RequestStarted& event);
  void start_exact(Sighting& exact);
  void start_slots(Sighting& slots);
  void start_process(const Sighting& spell, State& state) const;
  void give_up(Sighting& sighting);
  void end(Sighting& sighting, const RequestEnded& event);
  void withdraw(Sighting& sighting);
  void release(Sighting& sighting);
  void name_model(Sighting& log) const;

  bool claim_for_log(const Sighting& log);
  Sighting* spell_of(const Sighting& log);
  void settle(Sighting& spell);
  void forget_old();

  RequestTable& requests_;
  const Residency& residency_;
  Sightings sightings_;
  std::map<RequestId, Sighting*> weaker_;  // those that are not exact
  std::set<RequestId> open_;               // those that have not ended
  MonotonicTime forgot_at_{};
  std::set<std::string> log_followed_;
  MonotonicTime now_{};
};

}  // namespace tegrascope
