// Every file of the Orin Nano fixture that makes a series of kCovered, broken in every way, while the collectors of
// those series run in the real sampler: all other series stay as they were, batches go on, stop() returns, and what is
// lost has a reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "collectors/deadline_read.hpp"
#include "collectors/jetson/board.hpp"
#include "collectors/sampler.hpp"
#include "collectors/sysfs_file.hpp"
#include "tests/support/blocked_reads.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/readings.hpp"
#include "tests/support/sensor_faults.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using test::Fault;

constexpr Nanoseconds kLongestGap = 500ms;  // between two batches; the sampler's deadline here is 20 ms

// Signal, instance and kind; a process has its pid as its instance.
using Key = std::tuple<int, std::string, std::string>;
constexpr int kProcess = -1;
using Values = std::map<Key, double>;

const std::set<std::string_view> kCollectors{"cpu", "memory", "processes", "gpu", "rails", "thermal"};
const std::set<Signal> kCovered{
    Signal::cpu_seconds,           Signal::boot_time_seconds,   Signal::cpu_online,
    Signal::cpu_frequency_hertz,   Signal::memory_total_bytes,  Signal::memory_available_bytes,
    Signal::memory_bytes,          Signal::swap_total_bytes,    Signal::swap_used_bytes,
    Signal::gpu_utilization_ratio, Signal::gpu_frequency_hertz, Signal::gpu_frequency_max_hertz,
    Signal::temperature_celsius,   Signal::rail_voltage_volts,  Signal::rail_current_amperes,
    Signal::rail_power_watts,      Signal::board_power_watts};

void add_values(const Batch& batch, Values& values) {
  for (const Reading& r : batch.readings) {
    if (kCovered.contains(r.signal)) values[{static_cast<int>(r.signal), r.instance, r.kind}] = r.value;
  }
  for (const ProcessReading& p : batch.processes)
    values[{kProcess, std::to_string(p.id.pid), ""}] = static_cast<double>(p.id.start_ticks);
}

// Last batches by collector, and how regularly they came.
class Arrivals {
 public:
  BatchSink sink() {
    return [this](Batch&& batch) {
      const std::lock_guard lock(mutex_);
      Seen& seen = seen_[batch.collector];
      if (seen.count++ > 0) longest_gap_ = std::max(longest_gap_, batch.finished - seen.last.finished);
      for (const ReadError& e : batch.errors) errors_.push_back(e);
      seen.last = std::move(batch);
      changed_.notify_all();
    };
  }
  // So many more batches of every collector, which leave out what came before.
  bool wait_for_rounds(std::size_t rounds, std::size_t collectors) {
    std::unique_lock lock(mutex_);
    for (auto& [name, seen] : seen_) seen.count = 0;
    return changed_.wait_for(lock, 20s, [&] {
      return seen_.size() == collectors &&
             std::all_of(seen_.begin(), seen_.end(), [&](const auto& s) { return s.second.count >= rounds; });
    });
  }
  Values values() {
    const std::lock_guard lock(mutex_);
    Values values;
    for (const auto& [name, seen] : seen_) add_values(seen.last, values);
    return values;
  }
  Nanoseconds longest_gap() {
    const std::lock_guard lock(mutex_);
    return longest_gap_;
  }
  bool has_error_of(const fs::path& file) {
    const std::lock_guard lock(mutex_);
    return std::any_of(errors_.begin(), errors_.end(), [&](const ReadError& e) {
      std::error_code ignored;
      const auto named = fs::weakly_canonical(e.where.substr(0, e.where.find(": ")), ignored);
      return !ignored && named == file;
    });
  }
  void forget_errors() {
    const std::lock_guard lock(mutex_);
    errors_.clear();
  }

 private:
  struct Seen {
    std::size_t count = 0;
    Batch last;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Seen> seen_;
  std::vector<ReadError> errors_;
  Nanoseconds longest_gap_{};
};

// Which series a file makes: those may be lost with it, and no other.
std::function<bool(const Key&)> made_of(const std::string& file, const fs::path& root) {
  const auto signals = [](std::set<Signal> set, std::string instance = {}) {
    return [set = std::move(set), instance = std::move(instance)](const Key& key) {
      return std::get<0>(key) != kProcess && set.contains(static_cast<Signal>(std::get<0>(key))) &&
             (instance.empty() || std::get<1>(key).empty() || std::get<1>(key) == instance);
    };
  };
  const auto has = [&](std::string_view part) { return file.find(part) != std::string::npos; };
  const std::string name = fs::path(file).filename();
  const fs::path folder = (root / file).parent_path();
  const auto text_of = [&](const std::string& neighbour) { return read_once(folder / neighbour); };
  if (file == "proc/stat") return signals({Signal::cpu_seconds, Signal::boot_time_seconds});
  if (file == "proc/meminfo")
    return signals({Signal::memory_total_bytes, Signal::memory_available_bytes, Signal::memory_bytes});
  if (file == "proc/swaps") return signals({Signal::swap_total_bytes, Signal::swap_used_bytes});
  if (name == "cmdline" || name == "stat")
    return [pid = folder.filename().string()](const Key& key) {
      return std::get<0>(key) == kProcess && std::get<1>(key) == pid;
    };
  if (name == "load" || name == "runtime_status") return signals({Signal::gpu_utilization_ratio});
  if (name == "cur_freq") return signals({Signal::gpu_frequency_hertz});
  if (name == "max_freq") return signals({Signal::gpu_frequency_max_hertz});
  if (has("thermal_zone") && (name == "type" || name == "temp"))
    return signals({Signal::temperature_celsius}, text_of("type").substr(0, text_of("type").find('-')));
  if (name == "present") return signals({Signal::cpu_online});
  if (name == "online") return signals({Signal::cpu_online, Signal::cpu_frequency_hertz});
  if (name == "scaling_cur_freq")
    return signals({Signal::cpu_frequency_hertz}, folder.parent_path().filename().string().substr(3));
  std::set<Signal> rail{Signal::rail_voltage_volts, Signal::rail_current_amperes, Signal::rail_power_watts};
  if (has("hwmon1/") && name == "name") {
    rail.insert(Signal::board_power_watts);
    return signals(rail);
  }
  for (const char channel : {'1', '2', '3'}) {
    const std::string number(1, channel);
    if (name != "in" + number + "_label" && name != "in" + number + "_input" &&
        name != "curr" + number + "_input")
      continue;
    if (channel == '1') rail.insert(Signal::board_power_watts);
    return signals(rail, text_of("in" + number + "_label"));
  }
  return [](const Key&) { return false; };
}

// Any text is a good one there.
bool is_free_text(const std::string& file) {
  const std::string name = fs::path(file).filename();
  return name == "name" || name == "type" || name.ends_with("_label") || name == "cmdline" ||
         name == "online" || name == "present" || name == "runtime_status";
}

class Faults : public testing::Test {
 protected:
  Faults() {
    fs::copy(
        TEGRASCOPE_FIXTURES "/orin-nano-r36", tree_.root(),
        fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing);
    for (const auto& entry : fs::recursive_directory_iterator(tree_.root()))
      if (entry.is_regular_file() && !entry.is_symlink() && entry.path().extension() != ".md")
        files_.push_back(fs::relative(entry.path(), tree_.root()));
    std::sort(files_.begin(), files_.end());
    for (const auto& collector : collectors()) {
      Batch batch = test::collect(*collector.make(), monotonic_now());
      add_values(batch, whole_);
    }
    std::erase_if(files_, [this](const std::string& file) {
      const auto made = made_of(file, tree_.root());
      return std::none_of(whole_.begin(), whole_.end(), [&](const auto& item) { return made(item.first); });
    });
  }
  ~Faults() override {
    EXPECT_TRUE(test::eventually([] {
      test::release_blocked_reads();
      return test::blocked_reads() == 0;
    }));
  }

  // Each in every slot.
  std::vector<SampledCollector> collectors() const {
    std::vector<SampledCollector> list;
    for (const CollectorInfo& info : builtin_collectors())
      if (kCollectors.contains(info.name))
        list.push_back({std::string(info.name), 0ns,
                        [make = info.make, paths = tree_.host_paths()] { return make(paths); }});
    return list;
  }
  Sampler& start() {
    arrivals_ = std::make_unique<Arrivals>();
    sampler_ =
        std::make_unique<Sampler>(collectors(), SamplerOptions{1ms, 1ms, 1, 20ms, 1h}, arrivals_->sink());
    sampler_->start();
    return *sampler_;
  }
  void stop() {
    const MonotonicTime before = monotonic_now();
    sampler_->stop();
    EXPECT_LT(monotonic_now() - before, 1s);
    EXPECT_LT(arrivals_->longest_gap(), kLongestGap);
    EXPECT_TRUE(test::eventually([this] {
      test::release_blocked_reads();
      return sampler_->left_behind() == 0;
    }));
    sampler_.reset();
  }
  bool rounds(std::size_t count) { return arrivals_->wait_for_rounds(count, collectors().size()); }

  // What is there now against the whole tree. True: something is lost.
  bool check_the_rest(const std::function<bool(const Key&)>& made) {
    const Values now = arrivals_->values();
    bool lost = false;
    for (const auto& [key, value] : whole_) {
      const auto found = now.find(key);
      if (found != now.end() && found->second == value) continue;
      lost = lost || found == now.end();
      EXPECT_TRUE(made(key)) << "signal " << std::get<0>(key) << " of " << std::get<1>(key) << " "
                             << (found == now.end() ? "is lost" : "has changed");
    }
    return lost;
  }
  // EAGAIN and ENODATA mean that there is no value now, which is no error.
  void check_reason(const std::string& file, const Fault& fault, bool lost, bool is_read) {
    const bool unreadable = fault.kind == Fault::Kind::unreadable && is_read;
    const bool wrong = fault.kind == Fault::Kind::wrong_text && lost && !is_free_text(file);
    const bool wanted = unreadable || wrong;
    EXPECT_TRUE(!wanted || arrivals_->has_error_of(tree_.path(file))) << "no reason";
  }

  test::TempTree tree_;
  std::vector<std::string> files_;
  Values whole_;
  std::unique_ptr<Arrivals> arrivals_;
  std::unique_ptr<Sampler> sampler_;
};

constexpr auto kNothing = [](const Key&) { return false; };

TEST_F(Faults, PresentFromTheStart) {
  ASSERT_GT(whole_.size(), 80u);
  ASSERT_GT(files_.size(), 40u);
  for (const std::string& file : files_) {
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    const auto made = made_of(file, tree_.root());
    const bool makes_something =
        std::any_of(whole_.begin(), whole_.end(), [&](const auto& item) { return made(item.first); });
    bool is_read = false;
    for (auto fault = test::kFaults.rbegin(); fault != test::kFaults.rend(); ++fault) {
      SCOPED_TRACE(file + " " + fault->name);
      // Without `load` beside it a device-tree node "gpu" may be anybody's.
      if (fault->kind == Fault::Kind::gone && file.ends_with("17000000.gpu/load")) continue;
      test::break_file(path, *fault);
      start();
      ASSERT_TRUE(rounds(3));  // a label that blocks does so by both of its paths
      if (fault == test::kFaults.rbegin()) {
        is_read = arrivals_->has_error_of(path);
        EXPECT_TRUE(is_read || !makes_something);
      }
      check_reason(file, *fault, check_the_rest(made), is_read);
      stop();
      test::put_in_place(path, good);
    }
  }
}

TEST_F(Faults, WhileRunning) {
  for (const std::string& file : files_) {
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    const auto made = made_of(file, tree_.root());
    start();
    ASSERT_TRUE(rounds(1));
    for (const Fault& fault : test::kFaults) {
      SCOPED_TRACE(file + " " + fault.name);
      const bool process_ends = fault.kind == Fault::Kind::gone && fs::path(file).filename() == "stat";
      if (process_ends && file != "proc/stat") continue;
      test::break_file(path, fault);
      ASSERT_TRUE(rounds(1));
      arrivals_->forget_errors();
      ASSERT_TRUE(rounds(2));
      const bool lost = check_the_rest(made);
      const bool wanted = lost && fault.kind != Fault::Kind::no_value && !is_free_text(file);
      EXPECT_TRUE(!wanted || arrivals_->has_error_of(path)) << "no reason";
      test::put_in_place(path, good);
      if (std::string(fault.name) == "blocks") continue;
      ASSERT_TRUE(rounds(2));
      check_the_rest(kNothing);
    }
    stop();
  }
}

TEST_F(Faults, AppearsLate) {
  for (const std::string& file : files_) {
    SCOPED_TRACE(file);
    const auto path = tree_.path(file);
    const std::string good = test::read_text(path);
    fs::remove(path);
    std::vector<std::unique_ptr<Collector>> late;
    for (const auto& sampled : collectors()) late.push_back(sampled.make());
    for (const auto& collector : late) (void)test::collect(*collector, MonotonicTime{1000s});
    test::put_in_place(path, good);
    Values values;
    for (const auto& collector : late) add_values(test::collect(*collector, MonotonicTime{1061s}), values);
    EXPECT_EQ(values, whole_);
  }
}

TEST_F(Faults, TheBoardsIdentityIsReadAroundTheBrokenFile) {
  const HostPaths paths = tree_.host_paths();
  const auto fields = [](const BoardIdentity& b) {
    return std::vector<std::string>{b.module, b.soc, b.l4t, b.jetpack, b.kernel};
  };
  const auto whole = fields(*read_board(paths));
  const std::map<std::string, std::set<std::size_t>> identity{
      {"sys/firmware/devicetree/base/model", {}},  // not needed where `compatible` names a known module
      {"sys/firmware/devicetree/base/compatible", {0, 1}},
      {"etc/nv_tegra_release", {2, 3}},
      {"proc/sys/kernel/osrelease", {4}}};
  for (const auto& [file, made] : identity) {
    const std::string good = test::read_text(tree_.path(file));
    for (const Fault& fault : test::kFaults) {
      SCOPED_TRACE(file + " " + fault.name);
      test::break_file(tree_.path(file), fault);
      std::vector<ReadError> errors;
      const auto board =
          read_under_deadline<BoardIdentity>([paths] { return *read_board(paths); }, errors, 20ms);
      ASSERT_TRUE(board);
      const auto now = fields(*board);
      for (std::size_t i = 0; i < whole.size(); ++i)
        EXPECT_TRUE(made.contains(i) || now[i] == whole[i]) << now[i];
      EXPECT_TRUE(made.empty() || fault.kind != Fault::Kind::unreadable || !errors.empty()) << "no reason";
      test::put_in_place(tree_.path(file), good);
    }
  }
}

}  // namespace
}  // namespace tegrascope
