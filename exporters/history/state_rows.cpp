#include "exporters/history/state_rows.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <map>
#include <tuple>

namespace tegrascope {
namespace {

constexpr std::size_t kMostValues = 64;  // of a series

template <class Words>
auto from_word(const Words& words, const std::string& text) {
  for (const auto word : words) {
    if (to_string(word) == text) return word;
  }
  throw DamagedFile("the word '" + text + "' is none of ours");
}

std::optional<std::int64_t> wide(const std::optional<bool>& flag) {
  return flag ? std::optional<std::int64_t>(*flag ? 1 : 0) : std::nullopt;
}
std::optional<std::int64_t> wide(const std::optional<int>& value) {
  return value ? std::optional<std::int64_t>(*value) : std::nullopt;
}
std::optional<bool> flag(const std::optional<std::int64_t>& value) {
  return value ? std::optional(*value != 0) : std::nullopt;
}
std::optional<int> small(const std::optional<std::int64_t>& value) {
  if (!value) return std::nullopt;
  if (*value < std::numeric_limits<int>::min() || *value > std::numeric_limits<int>::max())
    throw DamagedFile("a key of an idle baseline is out of range");
  return static_cast<int>(*value);
}

// "1.25 3.5": the shortest text that reads back the same.
std::string text_of(const std::vector<double>& values) {
  std::string out;
  for (const double value : values) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
    if (!out.empty()) out += ' ';
    out.append(digits.data(), end);
  }
  return out;
}

std::vector<double> values_of(const std::string& text) {
  std::vector<double> out;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end && out.size() < kMostValues) {
    double value = 0;
    const auto [stopped, error] = std::from_chars(at, end, value);
    if (error != std::errc{}) throw DamagedFile("'" + text + "' is no list of numbers");
    out.push_back(value);
    at = stopped;
    if (at != end) ++at;
  }
  return out;
}

auto key_of(const LearnedBaseline& b) {
  return std::tuple(b.power_mode, b.clocks_locked, b.model_resident, b.temperature_decade);
}
auto key_of(const LearnedSeries& s) { return std::tuple(s.kind, s.server, s.model, s.phase, s.detail); }

// Wall-clock second of the last idle slice: unlike its age it stays the same while nothing is added.
std::int64_t last_idle(const LearnedBaseline& b, std::int64_t saved_unix_s) {
  return saved_unix_s - b.age_ns / 1'000'000'000;
}

void write_ledger(Database& database, const SavedState& s) {
  const Books& b = s.books;
  Statement(database, "REPLACE INTO ledger VALUES(1, ?,?, ?,?, ?,?, ?,?, ?,?, ?,?,?,?, ?,?,?)")
      .bind(s.first_start_unix_s)
      .bind(s.saved_unix_s)
      .bind(std::int64_t{b.energy_known})
      .bind(std::int64_t{b.gpu_known})
      .bind(b.measured.energy_nj)
      .bind(b.measured.gpu_busy_ns)
      .bind(b.pending.energy_nj)
      .bind(b.pending.gpu_busy_ns)
      .bind(b.interrupted.energy_nj)
      .bind(b.interrupted.gpu_busy_ns)
      .bind(s.board.module)
      .bind(s.board.soc)
      .bind(s.board.l4t)
      .bind(s.board.kernel)
      .bind(wide(s.learned.power_mode))
      .bind(wide(s.learned.clocks_locked))
      .bind(s.learned.idle_cores)
      .execute();
}

void write_books(Database& database, const Books& before, const Books& books) {
  Statement reason(database, "REPLACE INTO unattributed VALUES(?,?,?)");
  for (const auto& [word, pair] : books.unattributed) {
    const auto old = before.unattributed.find(word);
    if (old != before.unattributed.end() && old->second == pair) continue;
    reason.bind(to_string(word)).bind(pair.energy_nj).bind(pair.gpu_busy_ns).execute();
  }
  Statement account(database, "REPLACE INTO account VALUES(?,?,?,?,?,?,?)");
  for (const auto& [name, phases] : books.attributed) {
    const auto old = before.attributed.find(name);
    for (const auto& [phase, amounts] : phases) {
      if (old != before.attributed.end()) {
        const auto same = old->second.find(phase);
        if (same != old->second.end() && same->second == amounts) continue;
      }
      account.bind(name.first)
          .bind(name.second)
          .bind(to_string(phase))
          .bind(amounts.energy_nj)
          .bind(amounts.idle_energy_nj)
          .bind(amounts.gpu_busy_ns)
          .bind(amounts.cpu_ns)
          .execute();
    }
  }
}

// Few rows: all of them anew when one differs.
void write_baselines(Database& database, const SavedState& before, const SavedState& state) {
  const auto same = [&](const LearnedBaseline& a, const LearnedBaseline& b) {
    return key_of(a) == key_of(b) && a.watts == b.watts &&
           last_idle(a, before.saved_unix_s) == last_idle(b, state.saved_unix_s);
  };
  const auto& old = before.learned.baselines;
  const auto& now = state.learned.baselines;
  if (std::equal(old.begin(), old.end(), now.begin(), now.end(), same)) return;
  database.run("DELETE FROM baseline");
  Statement baseline(database, "INSERT INTO baseline VALUES(?,?,?,?,?,?)");
  for (const LearnedBaseline& b : now) {
    baseline.bind(wide(b.power_mode))
        .bind(wide(b.clocks_locked))
        .bind(wide(b.model_resident))
        .bind(wide(b.temperature_decade))
        .bind(b.watts)
        .bind(last_idle(b, state.saved_unix_s))
        .execute();
  }
}

void write_series(Database& database, const LearnedState& before, const LearnedState& learned) {
  using Key = decltype(key_of(LearnedSeries{}));
  std::map<Key, const LearnedSeries*> old;
  for (const LearnedSeries& s : before.series) old[key_of(s)] = &s;
  Statement put(database, "REPLACE INTO series VALUES(?,?,?,?,?,?)");
  for (const LearnedSeries& s : learned.series) {
    const auto same = old.find(key_of(s));
    const bool unchanged = same != old.end() && same->second->values == s.values;
    if (same != old.end()) old.erase(same);
    if (unchanged) continue;
    put.bind(s.kind).bind(s.server).bind(s.model).bind(to_string(s.phase)).bind(s.detail);
    put.bind(text_of(s.values)).execute();
  }
  Statement drop(database,
                 "DELETE FROM series WHERE kind=? AND server=? AND model=? AND phase=? AND detail=?");
  for (const auto& [key, s] : old)
    drop.bind(s->kind).bind(s->server).bind(s->model).bind(to_string(s->phase)).bind(s->detail).execute();
}

void read_books(Database& database, Books& books) {
  Statement reasons(database, "SELECT reason, energy_nj, gpu_busy_ns FROM unattributed");
  while (reasons.step()) {
    Books::Pair& pair = books.unattributed[from_word(kUnattributed, reasons.text())];
    pair.energy_nj = reasons.integer();
    pair.gpu_busy_ns = reasons.integer();
  }
  Statement accounts(
      database, "SELECT server, model, phase, energy_nj, idle_energy_nj, gpu_busy_ns, cpu_ns FROM account");
  while (accounts.step()) {
    AccountName name;
    name.first = accounts.text();
    name.second = accounts.text();
    Amounts& amounts = books.attributed[name][from_word(kPhases, accounts.text())];
    amounts.energy_nj = accounts.integer();
    amounts.idle_energy_nj = accounts.integer();
    amounts.gpu_busy_ns = accounts.integer();
    amounts.cpu_ns = accounts.integer();
  }
}

void read_learned(Database& database, SavedState& state) {
  Statement baselines(database,
                      "SELECT power_mode, clocks_locked, model_resident, temperature_decade, watts, "
                      "last_idle_unix_s FROM baseline");
  while (baselines.step()) {
    LearnedBaseline b;
    b.power_mode = small(baselines.optional_integer());
    b.clocks_locked = flag(baselines.optional_integer());
    b.model_resident = flag(baselines.optional_integer());
    b.temperature_decade = small(baselines.optional_integer());
    b.watts = baselines.real();
    const std::int64_t age = state.saved_unix_s - baselines.integer();
    if (age < 0 || age > std::numeric_limits<std::int64_t>::max() / 1'000'000'000 / 2) continue;
    b.age_ns = age * 1'000'000'000;
    state.learned.baselines.push_back(b);
  }
  Statement series(database, "SELECT kind, server, model, phase, detail, list FROM series");
  while (series.step()) {
    LearnedSeries s;
    s.kind = series.text();
    s.server = series.text();
    s.model = series.text();
    s.phase = from_word(kPhases, series.text());
    s.detail = series.text();
    s.values = values_of(series.text());
    state.learned.series.push_back(std::move(s));
  }
}

}  // namespace

void create_tables(Database& database) {
  database.run(R"(
    CREATE TABLE ledger(id INTEGER PRIMARY KEY CHECK(id = 1), first_start_unix_s INTEGER, saved_unix_s INTEGER,
      energy_known INTEGER, gpu_known INTEGER, measured_nj INTEGER, measured_gpu_ns INTEGER, pending_nj INTEGER,
      pending_gpu_ns INTEGER, interrupted_nj INTEGER, interrupted_gpu_ns INTEGER, module TEXT, soc TEXT, l4t TEXT,
      kernel TEXT, power_mode INTEGER, clocks_locked INTEGER, idle_cores REAL);
    CREATE TABLE unattributed(reason TEXT PRIMARY KEY, energy_nj INTEGER, gpu_busy_ns INTEGER) WITHOUT ROWID;
    CREATE TABLE account(server TEXT, model TEXT, phase TEXT, energy_nj INTEGER, idle_energy_nj INTEGER,
      gpu_busy_ns INTEGER, cpu_ns INTEGER, PRIMARY KEY(server, model, phase)) WITHOUT ROWID;
    CREATE TABLE baseline(power_mode INTEGER, clocks_locked INTEGER, model_resident INTEGER,
      temperature_decade INTEGER, watts REAL, last_idle_unix_s INTEGER);
    CREATE TABLE series(kind TEXT, server TEXT, model TEXT, phase TEXT, detail TEXT, list TEXT,
      PRIMARY KEY(kind, server, model, phase, detail)) WITHOUT ROWID;)");
}

std::optional<SavedState> read_state(Database& database) {
  Statement ledger(database,
                   "SELECT first_start_unix_s, saved_unix_s, energy_known, gpu_known, measured_nj, "
                   "measured_gpu_ns, pending_nj, pending_gpu_ns, interrupted_nj, interrupted_gpu_ns, module, "
                   "soc, l4t, kernel, power_mode, clocks_locked, idle_cores FROM ledger");
  if (!ledger.step()) return std::nullopt;
  SavedState state;
  state.first_start_unix_s = ledger.integer();
  state.saved_unix_s = ledger.integer();
  Books& books = state.books;
  books.energy_known = ledger.integer() != 0;
  books.gpu_known = ledger.integer() != 0;
  for (Books::Pair* pair : {&books.measured, &books.pending, &books.interrupted}) {
    pair->energy_nj = ledger.integer();
    pair->gpu_busy_ns = ledger.integer();
  }
  for (std::string* text : {&state.board.module, &state.board.soc, &state.board.l4t, &state.board.kernel})
    *text = ledger.text();
  state.learned.power_mode = small(ledger.optional_integer());
  state.learned.clocks_locked = flag(ledger.optional_integer());
  state.learned.idle_cores = ledger.real();
  read_books(database, books);
  read_learned(database, state);
  if (!books.conserved()) throw DamagedFile("its books do not add up");
  return state;
}

void write_state(Database& database, const SavedState& before, const SavedState& state) {
  write_ledger(database, state);
  write_books(database, before.books, state.books);
  write_baselines(database, before, state);
  write_series(database, before.learned, state.learned);
}

}  // namespace tegrascope
