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
