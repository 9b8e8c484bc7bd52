// The books and what was learned go through a restart of the real program, and through its death.
#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "exporters/history/database.hpp"
#include "tests/support/agent_process.hpp"
#include "tests/support/idle_simulation.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr const char* kShort =
    R"({"model":"qwen2.5:7b","messages":[{"role":"user","content":"count"}],"options":{"num_predict":20}})";

class Lifetime : public IdleSimulation {
 protected:
  std::vector<std::string> kept() const {
    return flags({"--relay.listen-address=127.0.0.1:0", "--storage.path=" + storage().string()});
  }
  std::filesystem::path storage() const { return directory_.root() / "state"; }

  static Json ledger(const AgentProcess& agent) {
    const TestAnswer answer = http_get(agent.url() + "/api/v1/ledger");
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body);
  }
  static std::int64_t energy(const Json& books, const char* part) {
    return books.at(part).at("energy_nj").get<std::int64_t>();
  }
  static void expect_conserved(const Json& ledger) {
    for (const char* span : {"since_start", "lifetime"}) {
      const Json& books = ledger.at(span);
      EXPECT_TRUE(books.at("conserved").get<bool>()) << books;
      EXPECT_EQ(energy(books, "measured"), energy(books, "attributed") + energy(books, "unattributed") +
                                               energy(books, "interrupted") + energy(books, "pending"));
    }
  }
  // A request through the relay whose joules are booked.
  static void work(const AgentProcess& agent) {
    const std::int64_t before = energy(ledger(agent).at("since_start"), "attributed");
    ASSERT_EQ(http_post(agent.relay_url() + "/api/chat", kShort).status, 200);
    ASSERT_TRUE(
        wait_until(20s, [&] { return energy(ledger(agent).at("since_start"), "attributed") > before; }));
  }
};

TEST_F(Lifetime, GoesOnAfterARestart) {
  Json last;
  {
    AgentProcess agent("run", kept(), directory_.root());
    const Json first = ledger(agent);
    EXPECT_TRUE(first.at("storage").at("kept").get<bool>()) << first;
    EXPECT_EQ(first.at("lifetime").at("measured"), first.at("since_start").at("measured"));
    work(agent);
    last = ledger(agent);
    expect_conserved(last);
    EXPECT_EQ(last.at("storage").at("commits"), 0) << "within the first half minute";
    agent.process().signal(SIGTERM);
    ASSERT_EQ(agent.process().wait_for(20s), 0) << agent.process().errors();
  }
  AgentProcess agent("run", kept(), directory_.root());
  const Json now = ledger(agent);
  expect_conserved(now);
  EXPECT_EQ(now.at("lifetime").at("since_unix_s"), last.at("lifetime").at("since_unix_s"));
  EXPECT_GE(energy(now.at("lifetime"), "measured"), energy(last.at("lifetime"), "measured"));
  EXPECT_GE(energy(now.at("lifetime"), "attributed"), energy(last.at("lifetime"), "attributed"));
  EXPECT_LT(energy(now.at("since_start"), "measured"), energy(last.at("since_start"), "measured"));
  EXPECT_EQ(energy(now.at("since_start"), "attributed"), 0) << "exported counters start at 0 with the agent";
  EXPECT_EQ(agent.scrape().sum("tegrascope_attributed_energy_joules_total", {}).value_or(0), 0.0);
  EXPECT_EQ(agent.scrape().sum("tegrascope_storage_up", {}), 1.0);

  const std::int64_t before = energy(now.at("lifetime"), "attributed");
  work(agent);
  const Json later = ledger(agent);
  expect_conserved(later);
  EXPECT_EQ(energy(later.at("lifetime"), "attributed"),
            before + energy(later.at("since_start"), "attributed"));
}

TEST_F(Lifetime, AfterAKillTheBooksStandAtTheLastCommit) {
  Json last;
  {
    AgentProcess agent("run", kept(), directory_.root());
    work(agent);
    ASSERT_TRUE(wait_until(45s, [&] {
      last = ledger(agent);
      return last.at("storage").at("commits").get<int>() == 1;
    }));
    agent.process().signal(SIGKILL);
    agent.process().wait_for(5s);
  }
  std::filesystem::create_directories(directory_.path("second"));  // the killed one left its port files
  AgentProcess agent("run", kept(), directory_.path("second"));
  const Json now = ledger(agent);
  expect_conserved(now);
  EXPECT_EQ(now.at("storage").at("saved_unix_s"), last.at("storage").at("saved_unix_s"));
  EXPECT_EQ(energy(now.at("lifetime"), "attributed"), energy(last.at("lifetime"), "attributed"));
  EXPECT_FALSE(last.at("learned").at("series").empty());
}

// Without a baseline no joule of a request is idle; it takes a minute of idle board to learn one.
TEST_F(Lifetime, IdlePowerIsKnownFromTheFirstRequestOn) {
  const auto idle_energy = [](const AgentProcess& agent) {
    std::int64_t sum = 0;
    const Json books = ledger(agent).at("since_start");
    for (const Json& account : books.at("accounts")) sum += account.at("idle_energy_nj").get<std::int64_t>();
    return sum;
  };
  {
    AgentProcess agent("run", kept(), directory_.root());
    work(agent);
    EXPECT_EQ(idle_energy(agent), 0);
    agent.process().signal(SIGTERM);
    ASSERT_EQ(agent.process().wait_for(20s), 0) << agent.process().errors();
  }
  Database(storage() / "state.sqlite")
      .run(
          "INSERT INTO baseline SELECT power_mode, clocks_locked, NULL, NULL, 4.25, saved_unix_s FROM "
          "ledger");
  AgentProcess agent("run", kept(), directory_.root());
  EXPECT_EQ(ledger(agent).at("learned").at("idle_baselines").at(0).at("watts"), 4.25);
  work(agent);
  EXPECT_TRUE(wait_until(20s, [&] { return idle_energy(agent) > 1'000'000'000; })) << ledger(agent);
}

TEST_F(Lifetime, ADamagedFileIsMovedAsideWithAMessage) {
  std::filesystem::create_directories(storage());
  directory_.write("state/state.sqlite", std::string(20000, 'x'));
  AgentProcess agent("run", kept(), directory_.root());
  EXPECT_TRUE(ledger(agent).at("storage").at("kept").get<bool>());
  const std::string log = agent.process().errors();
  EXPECT_NE(log.find("it was moved to"), std::string::npos) << log;
  bool moved = false;
  for (const auto& entry : std::filesystem::directory_iterator(storage()))
    moved = moved || entry.path().filename().string().rfind("state.sqlite.damaged-", 0) == 0;
  EXPECT_TRUE(moved);
}

TEST_F(Lifetime, DemoAndForeignTreesKeepNothing) {
  const std::vector<std::string> as_user{"HOME=" + directory_.root().string(),
                                         "XDG_STATE_HOME=", "STATE_DIRECTORY=" + storage().string()};
  ChildProcess demo({agent_program(), "demo", "--seconds=2", "--storage.path=auto"}, directory_.root(),
                    as_user);
  EXPECT_EQ(demo.wait_for(40s), 0) << demo.errors();
  AgentProcess agent("run", flags({"--storage.path=auto"}), directory_.root());
  EXPECT_FALSE(ledger(agent).at("storage").at("kept").get<bool>());
  EXPECT_FALSE(agent.scrape().has("tegrascope_storage_up"));
  EXPECT_FALSE(std::filesystem::exists(storage()));
}

}  // namespace
}  // namespace tegrascope::test
