// The case the project started from: the same requests on the CPU and on the GPU, told apart without a
// picture.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

struct Row {
  std::string placement;
  double tokens_per_second = 0;
};

// Rows of the demo's table: time, model, placement, tokens, token/s, ...
std::vector<Row> rows_of(const std::string& output) {
  std::vector<Row> rows;
  std::istringstream in(output);
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string time, model, placement, tokens, rate;
    if (fields >> time >> model >> placement >> tokens >> rate && model == "qwen2.5:7b") {
      rows.push_back({placement, std::strtod(rate.c_str(), nullptr)});
    }
  }
  return rows;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

TEST(Seed, BothRegimesOfTheTableAreReproducedAndNamed) {
  TempTree directory;
  ChildProcess demo({TEGRASCOPE_PROGRAM, "demo", "--scenario=seed"}, directory.root());
  ASSERT_EQ(demo.wait_for(140s), 0) << demo.errors();
  const std::vector<Row> rows = rows_of(demo.output());
  ASSERT_EQ(rows.size(), 10u) << demo.output();

  std::vector<double> cpu;
  std::vector<double> gpu;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].placement, i < 5 ? "cpu" : "gpu") << "request " << i + 1 << "\n" << demo.output();
    (i < 5 ? cpu : gpu).push_back(rows[i].tokens_per_second);
  }
  EXPECT_NEAR(median(cpu), 3.80, 0.20) << demo.output();
  EXPECT_NEAR(median(gpu), 9.31, 0.45) << demo.output();
  EXPECT_NEAR(median(gpu) / median(cpu), 2.45, 0.25);
}

}  // namespace
}  // namespace tegrascope::test
