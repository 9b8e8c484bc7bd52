// `tegrascope simulate` as a user calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/child_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
};

Result simulate(const TempTree& directory, std::vector<std::string> arguments) {
  std::vector<std::string> all{TEGRASCOPE_PROGRAM, "simulate"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  ChildProcess process(all, directory.root(), {});
  Result result;
  result.code = process.wait_for(120s).value_or(-1);
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

TEST(Simulate, PrintsTruthAndAnswerSideBySideAndTheSameAgain) {
  TempTree directory;
  directory.write("s.jsonc", R"({"duration_s": 400, // short
    "lead_in_s": 100, "traffic": [{"users": 1, "output_tokens": [20, 60]}]})");
  const std::string file = (directory.root() / "s.jsonc").string();
  const Result first = simulate(directory, {"--scenario", file, "--seed", "3", "--rate", "10", "--json"});
  ASSERT_EQ(first.code, 0) << first.errors;
  auto a = nlohmann::json::parse(first.output);
  EXPECT_TRUE(a.at("simulated").get<bool>());
  EXPECT_TRUE(a.at("summary").at("conserved").get<bool>());
  ASSERT_FALSE(a.at("requests").empty());
  const auto& request = a.at("requests").at(0);
  EXPECT_NEAR(request.at("energy_joules").get<double>() / request.at("energy_joules_true").get<double>(), 1.0,
              0.1);

  auto b = nlohmann::json::parse(
      simulate(directory, {"--scenario", file, "--seed", "3", "--rate", "10", "--json"}).output);
  a.erase("cost");
  b.erase("cost");
  EXPECT_EQ(a, b);
}

TEST(Simulate, NamesWhatIsWrongWithAScenario) {
  TempTree directory;
  directory.write("bad.jsonc", R"({"traffic": [{"users": 1, "tokens": 5}]})");
  const Result bad = simulate(directory, {"--scenario", (directory.root() / "bad.jsonc").string()});
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.errors, testing::HasSubstr("traffic[0].tokens: is unknown"));
  const Result none = simulate(directory, {"--scenario", "nowhere.jsonc"});
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.errors, testing::HasSubstr("scenario nowhere.jsonc: no such file"));
  const Result folder = simulate(directory, {"--scenario", directory.root().string()});
  EXPECT_EQ(folder.code, 1);
  EXPECT_EQ(folder.errors, "tegrascope simulate: cannot read the scenario " + directory.root().string() +
                               ": Is a directory\n");
}

// "0.33 %"
std::string percent(const nlohmann::json& share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f %%", share.get<double>() * 100);
  return text;
}

TEST(Simulate, TheDocumentsTellWhatItPrints) {
  TempTree directory;
  const std::string source = TEGRASCOPE_SOURCE_DIR;
  std::ifstream file(source + "/docs/reading-the-figures.md");
  std::stringstream text;
  text << file.rdbuf();
  const auto summary_of = [&](const std::string& name) {
    const Result result =
        simulate(directory,
                 {"--scenario", source + "/simulator/scenarios/" + name + ".jsonc", "--seed", "1", "--json"});
    return nlohmann::json::parse(result.output).at("summary");
  };
  const auto alone = summary_of("streamed").at("alone");
  EXPECT_THAT(text.str(), testing::HasSubstr("half of the requests are within " +
                                             percent(alone.at("energy_error").at("p50"))));
  EXPECT_THAT(text.str(),
              testing::HasSubstr("19 of 20 within " + percent(alone.at("energy_error").at("p95")) +
                                 "; above idle within " + percent(alone.at("marginal_error").at("p95"))));
  const auto shared = summary_of("concurrent").at("shared_energy_error");
  EXPECT_THAT(text.str(), testing::HasSubstr("within " + percent(shared.at("p50")) +
                                             " of their fair (Shapley) share, 19 of 20 within " +
                                             percent(shared.at("p95"))));
}

}  // namespace
}  // namespace tegrascope::test
