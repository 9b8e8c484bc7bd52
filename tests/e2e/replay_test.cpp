// What an agent recorded, replayed: the same verdicts, joules and events as it told while it ran.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/agent_process.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

struct Result {
  int code = -1;
  std::string output;
  std::string errors;
};

Result call(const TempTree& directory, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), agent_program());
  ChildProcess process(arguments, directory.root());
  Result result;
  result.code = process.wait_for(60s).value_or(-1);
  result.output = process.output();
  result.errors = process.errors();
  return result;
}

// A demo with a fallback, recorded; what it told on its pages while it ran.
class RecordedDemo : public testing::Test {
 protected:
  // A failure here would only skip the tests: SetUp() tells it.
  static void SetUpTestSuite() {
    tree_ = new TempTree;
    problem_ = record();
  }
  void SetUp() override { ASSERT_EQ(problem_, ""); }
  static std::string record() {
    AgentProcess demo("demo", {"--record=" + recording(), "--log.level=info"}, tree_->root());
    const auto reaches_one = [&demo](const char* metric, const std::map<std::string, std::string>& labels) {
      return wait_until(30s, [&] { return demo.scrape().sum(metric, labels) == 1.0; });
    };
    if (!reaches_one("tegrascope_events_total", {{"kind", "fallback"}})) return demo.process().errors();
    if (!reaches_one("tegrascope_incidents_total", {{"result", "written"}})) return demo.process().errors();
    // Of the requests that ran on the CPU, one has ended.
    if (!wait_until(30s, [&] {
          return demo.scrape()
                     .sum("tegrascope_placement_verdicts_total", {{"placement", "cpu"}})
                     .value_or(0) > 0;
        }))
      return demo.process().errors();
    events_ = json::parse(http_get(demo.url() + "/api/v1/events").body);
    page_ = demo.scrape().sum("tegrascope_attributed_energy_joules_total").value_or(0);
    demo.process().signal(SIGTERM);
    return demo.process().wait_for(20s) == 0 ? "" : "ended badly: " + demo.process().errors();
  }
  static void TearDownTestSuite() {
    delete tree_;
    tree_ = nullptr;
  }
  static std::string recording() { return (tree_->root() / "demo.jsonl").string(); }
  static std::string state() { return (tree_->root() / "state").string(); }

  static TempTree* tree_;
  static std::string problem_;
  static json events_;
  static double page_;
};
TempTree* RecordedDemo::tree_ = nullptr;
std::string RecordedDemo::problem_;
json RecordedDemo::events_;
double RecordedDemo::page_ = 0;

TEST_F(RecordedDemo, BooksAgainWhatTheLiveAgentBooked) {
  const Result first = call(*tree_, {"simulate", "--replay", recording(), "--json"});
  ASSERT_EQ(first.code, 0) << first.errors;
  EXPECT_EQ(first.errors, "");
  const json result = json::parse(first.output);
  ASSERT_EQ(result.at("runs").size(), 1u);
  const json& run = result.at("runs")[0];
  EXPECT_EQ(run.at("ended"), "stopped");
  EXPECT_TRUE(run.at("conserved").get<bool>());
  EXPECT_GE(run.at("live").at("requests").get<int>(), 4);
  EXPECT_EQ(run.at("live").at("differing"), 0);
  EXPECT_EQ(run.at("live").at("same_ledger"), true);
  EXPECT_EQ(run.at("lost_records"), 0);

  // What the agent's own pages said: joules that it had booked by then, and the event to the millisecond.
  std::int64_t booked = 0;
  for (const json& model : run.at("ledger").at("models")) booked += model.at("energy_nj").get<std::int64_t>();
  EXPECT_GE(static_cast<double>(booked) * 1e-9, page_ * (1 - 1e-12));
  EXPECT_GT(page_, 0);
  const json& event = events_.at("events").at(0);
  EXPECT_EQ(run.at("events")[0].at("kind"), "fallback");
  for (const char* key : {"kind", "time", "server", "model", "reason", "text"})
    EXPECT_EQ(run.at("events")[0].at(key), event.at(key)) << key;

  EXPECT_EQ(call(*tree_, {"simulate", "--replay", recording(), "--json"}).output, first.output);
}

TEST_F(RecordedDemo, HoldsNoPromptAndNoClient) {
  const std::string text = read_file(recording());
  EXPECT_GT(text.size(), 10'000u);
  EXPECT_THAT(text, Not(HasSubstr("\"content\"")));
  EXPECT_THAT(text, Not(HasSubstr("prompt\":\"")));
  EXPECT_THAT(text, Not(HasSubstr("messages")));
}

TEST_F(RecordedDemo, ACutRecordingIsToldAndStillReplayed) {
  const std::string text = read_file(recording());
  tree_->write("cut.jsonl", text.substr(0, text.size() - 10));
  const Result cut = call(*tree_, {"simulate", "--replay", (tree_->root() / "cut.jsonl").string(), "--json"});
  EXPECT_EQ(cut.code, 1);
  EXPECT_THAT(cut.errors, HasSubstr("cut.jsonl:"));
  EXPECT_THAT(cut.errors, HasSubstr("is cut"));
  EXPECT_EQ(json::parse(cut.output).at("runs")[0].at("live").at("differing"), 0);
}

TEST_F(RecordedDemo, TheFlightRecorderKeptTheFallback) {
  const Result listed = call(*tree_, {"incident", "--storage.path=" + state(), "--json"});
  ASSERT_EQ(listed.code, 0) << listed.errors;
  const json files = json::parse(listed.output);
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].at("kind"), "fallback");
  const std::string file = files[0].at("file");

  const Result replayed = call(*tree_, {"simulate", "--replay", file, "--json"});
  ASSERT_EQ(replayed.code, 0) << replayed.errors;
  const json run = json::parse(replayed.output).at("runs")[0];
  EXPECT_TRUE(run.at("partial").get<bool>());
  EXPECT_TRUE(run.at("conserved").get<bool>());
  EXPECT_FALSE(run.at("requests").empty());
  EXPECT_EQ(run.at("events").back().at("kind"), "fallback");

  const Result shown = call(*tree_, {"incident", "--last", "--storage.path=" + state()});
  EXPECT_EQ(shown.code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("fallback"));
  EXPECT_THAT(shown.output, HasSubstr("runner cores"));
  const std::string name = std::filesystem::path(file).filename().string();
  EXPECT_EQ(call(*tree_, {"incident", "show", name, "--storage.path=" + state()}).output, shown.output);
}

TEST(Incident, SaysWhereItLookedAndWhatItTakes) {
  TempTree tree;
  const std::string nowhere = "--storage.path=" + (tree.root() / "nowhere").string();
  EXPECT_THAT(call(tree, {"incident", nowhere}).output, HasSubstr("no incident in"));
  EXPECT_EQ(call(tree, {"incident", "--last", nowhere}).code, 1);
  EXPECT_EQ(call(tree, {"incident", "show", nowhere}).code, 2);
  EXPECT_EQ(call(tree, {"incident", "show", "/nowhere/x.jsonl"}).code, 2);
  EXPECT_EQ(call(tree, {"incident", "burn", nowhere}).code, 2);
  const Result unread = call(tree, {"incident", "--storage.path=" + std::string(300, 'x')});
  EXPECT_EQ(unread.code, 1);
  EXPECT_THAT(unread.errors, HasSubstr("cannot be read"));
}

TEST(Replay, WantsEitherAScenarioOrARecording) {
  TempTree tree;
  EXPECT_EQ(call(tree, {"simulate"}).code, 2);
  EXPECT_EQ(call(tree, {"simulate", "--replay", "a", "--scenario", "b"}).code, 2);
  EXPECT_THAT(call(tree, {"simulate", "--replay", "nowhere.jsonl"}).errors, HasSubstr("No such file"));
  tree.write("new.jsonl",
             "{\"k\":\"head\",\"format\":\"tegrascope-recording\",\"version\":99,\"program\":\"7.0\"}\n");
  const Result newer = call(tree, {"simulate", "--replay", (tree.root() / "new.jsonl").string()});
  EXPECT_EQ(newer.code, 1);
  EXPECT_EQ(newer.output, "");
  EXPECT_THAT(newer.errors, HasSubstr("use tegrascope 7.0 or newer"));
}

TEST(Record, RefusesToOverwriteALetter) {
  TempTree tree;
  tree.write("letter.txt",
             "Dear Jetson, this is long enough to be looked at as if it were a recording of ours.\n");
  const Result run =
      call(tree, {"run", "--record=" + (tree.root() / "letter.txt").string(), "--storage.path=none"});
  EXPECT_EQ(run.code, 2);
  EXPECT_THAT(run.errors, HasSubstr("no recording"));
  EXPECT_THAT(read_file(tree.root() / "letter.txt"), HasSubstr("Dear Jetson"));
}

TEST(Record, CanStandInTheConfigurationFile) {
  TempTree tree;
  tree.write(
      "c.toml",
      "record = \"/tmp/r.jsonl\"\n[recording]\nmax-bytes = 5000000\n[events]\nwebhook-url = \"https://h/x\"\n");
  const Result good = call(tree, {"check-config", "--config.file=" + (tree.root() / "c.toml").string()});
  EXPECT_EQ(good.code, 0) << good.errors;
  EXPECT_EQ(call(tree, {"check-config", "--events.webhook-url=ftp://h"}).code, 2);
  EXPECT_EQ(call(tree, {"check-config", "--recording.max-bytes=5"}).code, 2);
  EXPECT_EQ(call(tree, {"check-config", "--events.webhook-secret-file=/x"}).code, 2);
  const Result secret = call(
      tree, {"check-config", "--events.webhook-url=http://h/x", "--events.webhook-secret-file=/nowhere/x"});
  EXPECT_EQ(secret.code, 2);
  EXPECT_THAT(secret.errors, HasSubstr("No such file"));
  const Result record = call(tree, {"check-config", "--record=/nowhere/r.jsonl"});
  EXPECT_EQ(record.code, 2);
  EXPECT_THAT(record.errors, HasSubstr("--record=/nowhere/r.jsonl cannot be opened"));
}

}  // namespace
}  // namespace tegrascope::test
