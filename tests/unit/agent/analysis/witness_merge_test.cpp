// Several witnesses of the same work: N requests make N records, whichever come first.
#include "agent/analysis/witness_merge.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <random>

namespace tegrascope {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr const char* kServer = "127.0.0.1:11434";
constexpr ProcessId kRunner{200, 9};

MonotonicTime t(double seconds) { return MonotonicTime{from_seconds(seconds)}; }

class WitnessMergeTest : public ::testing::Test {
 protected:
  void start(RequestId id, Witness witness, double at, const std::string& server = kServer) {
    merge.add(RequestStarted{id, witness, server, "/api/chat", Operation::chat, t(at)});
  }
  void describe(RequestId id, const std::string& model) {
    RequestDescribed d;
    d.id = id;
    d.model = model;
    d.runner = kRunner;
    merge.add(d);
  }
  void end(RequestId id, double at) {
    RequestEnded e;
    e.id = id;
    e.at = t(at);
    e.status_code = 200;
    merge.add(e);
  }
  // The log names a request once it has ended.
  void log(RequestId id, double from, double to, const std::string& endpoint = "/api/chat") {
    merge.add(RequestStarted{id, Witness::log, kServer, endpoint, Operation::chat, t(from)});
    end(id, to);
  }
  void until(double seconds) {
    merge.advance(t(seconds));
    attribution.advance(t(seconds));
  }
  // Ids of the requests there are, ended ones included.
  std::vector<RequestId> records() const {
    std::vector<RequestId> ids;
    for (const auto& [id, request] : requests.live()) ids.push_back(id);
    return ids;
  }

  Attribution attribution{AttributionOptions{}};
  ModelTable models{16};
  Residency residency;
  RequestTable requests{attribution, models, residency};
  WitnessMerge merge{requests, residency};
};

TEST_F(WitnessMergeTest, ABusyRunnerIsTheRequestThatAnExactWitnessReports) {
  start(1, Witness::relay, 10);
  start(2, Witness::process, 9.2);  // backdated to the last idle sample
  EXPECT_THAT(records(), ElementsAre(1));
  end(2, 12);
  until(20);
  EXPECT_THAT(records(), ElementsAre(1));
}

TEST_F(WitnessMergeTest, ABusyRunnerNoticedAfterTheRequestEndedIsStillThatRequest) {
  start(1, Witness::relay, 10);
  end(1, 10.8);
  start(2, Witness::process, 9.9);
  EXPECT_THAT(records(), ElementsAre(1));
}

TEST_F(WitnessMergeTest, WorkThatBeganAfterTheRequestIsAnother) {
  start(1, Witness::relay, 10);
  end(1, 11);
  start(2, Witness::process, 11);
  EXPECT_THAT(records(), ElementsAre(1, 2));
}

TEST_F(WitnessMergeTest, AnExactWitnessThatReportsLateTakesThePlace) {
  start(2, Witness::process, 9.9);
  EXPECT_THAT(records(), ElementsAre(2));
  start(1, Witness::capture, 10);
  EXPECT_THAT(records(), ElementsAre(1));
  end(2, 12);
  EXPECT_THAT(records(), ElementsAre(1));
}

TEST_F(WitnessMergeTest, LongRunningWorkOfOthersIsNotTakenBack) {
  start(2, Witness::process, 2);
  start(1, Witness::capture, 10);
  EXPECT_THAT(records(), ElementsAre(1, 2));
}

TEST_F(WitnessMergeTest, AnotherServersRequestsMatchNothing) {
  start(1, Witness::relay, 10, "10.0.0.7:11434");
  start(2, Witness::process, 10);
  EXPECT_THAT(records(), ElementsAre(1, 2));
}

TEST_F(WitnessMergeTest, SlotsMatchExactRequestsOneToOne) {
  start(1, Witness::relay, 10);
  start(2, Witness::relay, 10.1);
  start(11, Witness::slots, 10.3);
  start(12, Witness::slots, 10.3);
  start(13, Witness::slots, 10.3);  // a client that goes past the relay
  until(10.9);
  EXPECT_THAT(records(), ElementsAre(1, 2));
  until(11.4);
  EXPECT_THAT(records(), ElementsAre(1, 2, 13));
}

TEST_F(WitnessMergeTest, SlotsWaitForTheCaptureThatReportsLater) {
  start(11, Witness::slots, 10.1);
  start(12, Witness::process, 9.9);
  EXPECT_THAT(records(), IsEmpty());
  EXPECT_TRUE(merge.holding());
  start(1, Witness::capture, 10);
  until(20);
  EXPECT_THAT(records(), ElementsAre(1));
  EXPECT_FALSE(merge.holding());
}

TEST_F(WitnessMergeTest, SlotsAloneAreARequestAndTheBusyRunnerIsTheSame) {
  start(12, Witness::process, 9.9);
  start(11, Witness::slots, 10.1);
  end(11, 10.6);
  until(11.2);
  EXPECT_THAT(records(), ElementsAre(11));
  EXPECT_TRUE(requests.find(11)->ended.has_value());
}

TEST_F(WitnessMergeTest, ALogLineOfAnExactRequestIsNoSecondOne) {
  merge.set_log_followed(kServer, true);
  start(1, Witness::relay, 10);
  end(1, 12);
  log(21, 10.5, 12.5);
  until(20);
  EXPECT_THAT(records(), ElementsAre(1));
}

TEST_F(WitnessMergeTest, ALogLineWithAnotherRouteOrDurationIsAnotherRequest) {
  start(1, Witness::relay, 10);
  end(1, 12);
  log(21, 10, 12, "/api/generate");
  log(22, 4, 12);
  merge.advance(t(20));
  EXPECT_THAT(records(), ElementsAre(1, 21, 22));
}

TEST_F(WitnessMergeTest, TwoLogLinesNeedTwoRequests) {
  start(1, Witness::relay, 10);
  end(1, 12);
  log(21, 10, 12);
  log(22, 10, 12);
  merge.advance(t(20));
  EXPECT_EQ(records().size(), 2u);
}

TEST_F(WitnessMergeTest, TheLogsRequestsTakeThePlaceOfTheSpell) {
  merge.set_log_followed(kServer, true);
  start(1, Witness::process, 9.5);
  describe(1, "qwen2.5:7b");
  log(21, 9.6, 12.1);
  until(13);
  log(22, 12.2, 15);
  end(1, 15.1);
  until(15.3);
  EXPECT_THAT(records(), ElementsAre(1));
  merge.advance(t(18.2));
  ASSERT_THAT(records(), ElementsAre(21, 22));
  EXPECT_EQ(requests.find(22)->model_name, "qwen2.5:7b");
}

TEST_F(WitnessMergeTest, ASpellThatTheLogDoesNotNameStays) {
  merge.set_log_followed(kServer, true);
  start(1, Witness::process, 9.5);
  end(1, 15);
  EXPECT_FALSE(requests.find(1)->ended.has_value());
  merge.advance(t(18.1));
  EXPECT_TRUE(requests.find(1)->ended.has_value());
}

TEST_F(WitnessMergeTest, ALogLineWithoutAnythingElseIsARequest) {
  merge.set_log_followed(kServer, true);
  log(21, 10, 10.2);
  merge.advance(t(12));
  EXPECT_THAT(records(), IsEmpty());
  merge.advance(t(13.3));
  EXPECT_THAT(records(), ElementsAre(21));
}

TEST_F(WitnessMergeTest, ALogLineWithoutASpellIsOfTheOnlyModelThatTheServerHolds) {
  const auto holds = [&](const std::vector<std::string>& names, bool remote = false) {
    ServerState state;
    state.server.name = kServer;
    state.up = true;
    state.models_known = true;
    for (const std::string& name : names) {
      ResidentModel model;
      model.name = name;
      model.remote = remote;
      state.models.push_back(model);
    }
    residency.set_server(state);
  };
  const auto model_of = [&](RequestId id, double at, int status = 200) {
    merge.add(RequestStarted{id, Witness::log, kServer, "/api/embed", Operation::embed, t(at - 0.05)});
    RequestEnded e;
    e.id = id;
    e.at = t(at);
    e.status_code = status;
    merge.add(e);
    merge.advance(t(at + 4));
    const LiveRequest* request = requests.find(id);
    EXPECT_NE(request, nullptr);
    return request == nullptr ? "" : request->model_name;
  };
  EXPECT_EQ(model_of(1, 10), "") << "nothing is known of the server";
  holds({"bge-m3:latest"});
  EXPECT_EQ(model_of(2, 20), "bge-m3:latest");
  EXPECT_EQ(model_of(3, 30, 404), "") << "which model was not found is not told";
  holds({"bge-m3:latest", "qwen2.5:7b"});
  EXPECT_EQ(model_of(4, 40), "") << "either may have been asked";
  holds({});
  EXPECT_EQ(model_of(5, 50), "");
  holds({"gpt-oss:120b-cloud"}, true);
  EXPECT_EQ(model_of(6, 60), "");
}

TEST_F(WitnessMergeTest, WhatWaitsIsBounded) {
  start(1, Witness::process, 0.5);
  for (RequestId id = 10; id < 3010; ++id) log(id, 1, 2);
  merge.advance(t(3));
  EXPECT_GE(records().size(), 2000u);
}

TEST_F(WitnessMergeTest, RequestsWhoseEndsAreLostAreBoundedAndCounted) {
  for (RequestId id = 1; id <= 10000; ++id) start(id, Witness::relay, static_cast<double>(id) * 1e-3);
  EXPECT_EQ(requests.live().size(), 8192u);
  EXPECT_EQ(requests.live().begin()->first, 10000u - 8192u + 1) << "the oldest are given up";
  EXPECT_EQ(requests.observation_errors().at("unended"), 10000u - 8192u);
  end(1, 11);
  end(10000, 11);
  EXPECT_TRUE(requests.live().at(10000).ended);
  start(10001, Witness::relay, 12);
  EXPECT_EQ(requests.observation_errors().at("unended"), 10000u - 8192u) << "one has ended";
}

// N requests at random times, seen by several witnesses with the delays that they have.
struct Work {
  double from;
  double to;
};

std::vector<Work> random_work(std::mt19937& random, int count) {
  std::vector<Work> work;
  double at = 5;
  std::uniform_real_distribution<double> pause(0.05, 4);
  std::uniform_real_distribution<double> length(1, 8);
  for (int i = 0; i < count; ++i) {
    at += pause(random);
    work.push_back({at, at + length(random)});
    if (i % 3 != 0) at = work.back().to;
  }
  return work;
}

class EveryWitness : public WitnessMergeTest, public ::testing::WithParamInterface<std::set<Witness>> {
 protected:
  using Step = std::pair<double, std::function<void()>>;  // when the agent learns of it, and what

  void request(std::vector<Step>& steps, Witness witness, Work seen, double first_delay, double end_delay) {
    const RequestId id = ++last_id_;
    if (witness == Witness::log) {
      steps.emplace_back(seen.to + end_delay, [=, this] { log(id, seen.from, seen.to); });
      return;
    }
    steps.emplace_back(seen.from + first_delay, [=, this] { start(id, witness, seen.from); });
    steps.emplace_back(seen.to + end_delay, [=, this] { end(id, seen.to); });
  }

  // Busy spells of the one runner: work without a pause of a second between.
  static std::vector<Work> spells(const std::vector<Work>& work) {
    std::vector<Work> out;
    for (const Work& w : work) {
      if (out.empty() || w.from > out.back().to + 1) {
        out.push_back(w);
      } else {
        out.back().to = std::max(out.back().to, w.to);
      }
    }
    return out;
  }

  RequestId last_id_ = 0;
};

TEST_P(EveryWitness, NRequestsAreNRecords) {
  std::mt19937 random(20261123);
  for (int round = 0; round < 50; ++round) {
    const std::vector<Work> work = random_work(random, 12);
    std::uniform_real_distribution<double> slots_late(0.02, 0.25);
    std::uniform_real_distribution<double> log_late(0.05, 1.0);
    const std::set<Witness>& on = GetParam();
    merge.set_log_followed(kServer, on.count(Witness::log) > 0);
    std::vector<Step> steps;
    const double base = 1000.0 * round;
    for (Work w : work) {
      w = {base + w.from, base + w.to};
      if (on.count(Witness::relay)) request(steps, Witness::relay, w, 0, 0);
      if (on.count(Witness::capture)) request(steps, Witness::capture, w, 0.2, 0.2);
      if (on.count(Witness::slots)) {
        const double late = slots_late(random);
        request(steps, Witness::slots, {w.from + late, w.to + slots_late(random)}, 0.01, 0.01);
      }
      if (on.count(Witness::log)) {
        const double late = log_late(random);
        request(steps, Witness::log, {w.from + late, w.to + late}, 0, 0);
      }
    }
    for (const Work& w : spells(work)) {
      request(steps, Witness::process, {base + w.from - 0.3, base + w.to}, 0.9, 1.2);
    }
    std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.first < b.first; });
    double now = base;
    for (const auto& [at, step] : steps) {
      while (now + 0.1 < at) merge.advance(t(now += 0.1));
      step();
    }
    merge.advance(t(base + 900));
    const std::vector<RequestId> made = records();
    EXPECT_EQ(made.size(), work.size()) << "round " << round;
    for (const RequestId id : made) {
      EXPECT_TRUE(requests.find(id)->ended.has_value());
      EXPECT_EQ(requests.find(id)->started.witness, *on.begin());
      requests.forget(id);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Sets, EveryWitness,
    ::testing::Values(std::set{Witness::relay, Witness::slots, Witness::log, Witness::process},
                      std::set{Witness::capture, Witness::slots, Witness::log, Witness::process},
                      std::set{Witness::relay, Witness::log}, std::set{Witness::slots, Witness::log},
                      std::set{Witness::capture}, std::set{Witness::slots}, std::set{Witness::log}),
    [](const auto& set) {
      std::string name;
      for (const Witness w : set.param) name += std::string(to_string(w)) + "_";
      return name + "process";
    });

}  // namespace
}  // namespace tegrascope
