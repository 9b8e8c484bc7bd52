// The integer books: nanojoules and nanoseconds, so that sums are exact. Every amount measured in a slice is
// in exactly one place: a model's account, an unattributed one, a slice that still waits, or what is left of
// closed accounts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "agent/model/request.hpp"
#include "agent/model/snapshot.hpp"

namespace tegrascope {

struct ModelKey {
  std::string server;
  std::string model;
  friend bool operator==(const ModelKey&, const ModelKey&) = default;
  friend auto operator<=>(const ModelKey&, const ModelKey&) = default;
};

using Accounts = std::map<ModelKey, std::map<Phase, Amounts>>;

class Ledger {
 public:
  // A slice was measured; its amounts wait until they are booked. `energy_known`/`gpu_known`: a sensor
  // covered it.
  void measure(std::int64_t energy_nj, bool energy_known, std::int64_t gpu_busy_ns, bool gpu_known);

  // Moves amounts from waiting to an account. cpu_ns is not part of the balance.
  void book(const ModelKey& model, Phase phase, const Amounts& amounts);
  void book_unattributed(Unattributed reason, std::int64_t energy_nj, std::int64_t gpu_busy_ns);

  // Closes the account of a model that is shown no longer; its sum is kept.
  void forget(const ModelKey& model);

  const Accounts& accounts() const { return accounts_; }
  // What closed accounts held, for the lifetime's books: a few models a day at most.
  const Accounts& closed() const { return closed_; }
  const LedgerView& totals() const { return totals_; }

  // measured = attributed + unattributed + pending + forgotten, for joules and GPU seconds, exactly.
  bool balanced() const;

 private:
  Accounts accounts_;
  Accounts closed_;
  LedgerView totals_;
};

}  // namespace tegrascope
