#include "collectors/linux/self.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <time.h>

#include <optional>

#include "tests/support/readings.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope {
namespace {

using test::collect;
using test::value;

TEST(Self, IsThisProcessWhateverThePaths) {
  test::TempTree empty;
  SelfCollector collector(empty.host_paths());
  const Batch batch = collect(collector);
  EXPECT_TRUE(batch.errors.empty());
  EXPECT_GT(value(batch, Signal::self_cpu_seconds).value(), 0.0);
  EXPECT_GT(value(batch, Signal::self_resident_bytes).value(), 100'000.0);
  EXPECT_GE(value(batch, Signal::self_virtual_bytes).value(),
            value(batch, Signal::self_resident_bytes).value());
  EXPECT_GE(value(batch, Signal::self_open_fds).value(), 3.0);
  EXPECT_NEAR(value(batch, Signal::self_start_time_seconds).value(), static_cast<double>(::time(nullptr)),
              600.0);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const auto expected =
      limit.rlim_cur == RLIM_INFINITY ? std::nullopt : std::optional(static_cast<double>(limit.rlim_cur));
  EXPECT_EQ(value(batch, Signal::self_max_fds), expected);
}

TEST(Self, CpuTimeNeverFalls) {
  SelfCollector collector({});
  const double first = value(collect(collector), Signal::self_cpu_seconds).value();
  EXPECT_GE(value(collect(collector), Signal::self_cpu_seconds).value(), first);
}

TEST(Self, CountsOpenFiles) {
  SelfCollector collector({});
  collect(collector);
  const double before = value(collect(collector), Signal::self_open_fds).value();
  std::FILE* file = std::fopen("/dev/null", "r");
  EXPECT_EQ(value(collect(collector), Signal::self_open_fds).value(), before + 1);
  std::fclose(file);
}

}  // namespace
}  // namespace tegrascope
