#include "collectors/ollama/log/log_places.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogPlaces : public ::testing::Test {
 protected:
  std::vector<LogPlace> found(const std::string& setting = "auto") const {
    return find_log_places(servers_, tree_.host_paths(), setting);
  }
  void environment(const std::string& logs) const {
    tree_.write("proc/812/environ",
                std::string("HOME=/root\0OLLAMA_LOGS=", 23) + logs + std::string(1, '\0'));
  }

  TempTree tree_;
  std::vector<OllamaServer> servers_{{"127.0.0.1:11434", "http://127.0.0.1:11434", 812}};
};

TEST_F(LogPlaces, AsTheEnvironmentOfTheServerSays) {
  environment("/srv/o.log");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("srv/o.log")}))
      << "also before it is there";
  tree_.write("srv/o.log", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("srv/o.log")}));
}

TEST_F(LogPlaces, InTheServersOwnTreeWhenItIsInAContainer) {
  environment("/srv/o.log");
  tree_.write("srv/o.log", "");
  tree_.write("proc/812/root/srv/o.log", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("proc/812/root/srv/o.log")}));
}

TEST_F(LogPlaces, OnTheHostWhenBothAreTheSame) {
  environment("/srv/o.log");
  tree_.write("srv/o.log", "");
  tree_.link("proc/812/root", "../..");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("srv/o.log")}));
}

TEST_F(LogPlaces, ElseWhereTheContainersOfJetsonsPutIt) {
  EXPECT_THAT(found(), IsEmpty());
  tree_.write("data/logs/ollama.log", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("data/logs/ollama.log")}));
  servers_.front().serve_pid = 0;
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("data/logs/ollama.log")}));
  servers_.push_back({"127.0.0.1:11500", "http://127.0.0.1:11500", 0});
  EXPECT_THAT(found(), IsEmpty()) << "whose it is cannot be told";
}

TEST_F(LogPlaces, ElseWhereItsStandardOutputGoes) {
  tree_.write("srv/nohup.out", "");
  tree_.write("data/logs/ollama.log", "");
  std::filesystem::create_directories(tree_.path("proc/812/fd"));
  std::filesystem::create_symlink(tree_.path("srv/nohup.out"), tree_.path("proc/812/fd/1"));
  // As the server sees it the file is below its own root: here that of the tests' machine.
  std::filesystem::create_directories(tree_.path("proc/812"));
  std::filesystem::create_symlink("/", tree_.path("proc/812/root"));
  EXPECT_THAT(found(),
              ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("proc/812/root") /
                                                          tree_.path("srv/nohup.out").relative_path()}));
  environment("/srv/o.log");
  tree_.write("srv/o.log", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("srv/o.log")}));
}

TEST_F(LogPlaces, StandardOutputThatIsNoFileIsNoPlace) {
  std::filesystem::create_directories(tree_.path("proc/812/fd"));
  std::filesystem::create_symlink("/dev/null", tree_.path("proc/812/fd/1"));
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(LogPlaces, AtLastTheJournalOfItsUnit) {
  tree_.write("proc/812/cgroup", "0::/system.slice/ollama.service\n");
  EXPECT_THAT(found(), IsEmpty()) << "no journal here";
  tree_.write("run/log/journal/0123/system.journal", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.root(), "ollama.service"}));
  tree_.write("data/logs/ollama.log", "");
  EXPECT_THAT(found(), ElementsAre(LogPlace{"127.0.0.1:11434", tree_.path("data/logs/ollama.log")}));
}

TEST_F(LogPlaces, UnitsAreTheSystemsServices) {
  tree_.write("var/log/journal/0123/system.journal", "");
  const auto unit = [&](const std::string& cgroup) {
    tree_.write("proc/812/cgroup", cgroup);
    const auto places = found();
    return places.empty() ? "" : places.front().journal_unit;
  };
  EXPECT_EQ(unit("12:memory:/x\n1:name=systemd:/system.slice/llm.service\n0::/system.slice/llm.service\n"),
            "llm.service");
  EXPECT_EQ(unit("0::/system.slice/ollama.service/libpod-payload-a1\n"), "ollama.service");
  EXPECT_EQ(unit("0::/system.slice/docker-a1b2.scope\n"), "");
  EXPECT_EQ(unit("0::/user.slice/user-1000.slice/session-2.scope\n"), "");
  EXPECT_EQ(unit("0::/user.slice/user-1000.slice/user@1000.service/app.slice/ollama.service\n"), "");
}

TEST_F(LogPlaces, ANamedJournal) {
  EXPECT_THAT(found("journal:ollama"),
              ElementsAre(LogPlace{"127.0.0.1:11434", tree_.root(), "ollama.service"}));
  EXPECT_THAT(found("journal:llm.service"),
              ElementsAre(LogPlace{"127.0.0.1:11434", tree_.root(), "llm.service"}));
}

TEST_F(LogPlaces, ARelativePathIsNoPlace) {
  environment("o.log");
  tree_.write("data/logs/ollama.log", "");
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(LogPlaces, OnlyOllamaHasSuchALog) {
  tree_.write("data/logs/ollama.log", "");
  servers_.front().kind = UpstreamKind::openai;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(LogPlaces, ANamedFileIsTheFirstServers) {
  servers_.push_back({"127.0.0.1:11500", "http://127.0.0.1:11500", 0});
  EXPECT_THAT(found("/x/y.log"), ElementsAre(LogPlace{"127.0.0.1:11434", "/x/y.log"}));
  servers_.clear();
  EXPECT_THAT(found("/x/y.log"), IsEmpty());
}

}  // namespace
}  // namespace tegrascope::test
