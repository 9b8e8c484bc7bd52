#include "agent/app/service.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <vector>

#include "tests/support/eventually.hpp"

namespace tegrascope {
namespace {

using namespace std::chrono_literals;

constexpr const char* kServer = "127.0.0.1:11434";

Batch load_of(double load) {
  Batch batch;
  batch.collector = "gpu";
  batch.started = batch.finished = monotonic_now();
  batch.readings.push_back({Signal::gpu_utilization_ratio, "0", "", load, batch.finished});
  return batch;
}

RequestStarted started(RequestId id) {
  return {id, Witness::relay, kServer, "/api/chat", Operation::chat, monotonic_now()};
}

RequestEnded ended(RequestId id) {
  RequestEnded event;
  event.id = id;
  event.at = monotonic_now();
  event.status_code = 200;
  return event;
}

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : service_({}, ids_, false, hooks()) {}

  ServiceHooks hooks() {
    ServiceHooks hooks;
    hooks.set_busy = [this](bool busy) { busy_ = busy; };
    hooks.poll_soon = [](const std::string&) {};
    hooks.find_servers = [this] { ++serves_seen_; };
    hooks.find_gpu_access = [](std::vector<std::int64_t>&&, std::vector<ProcessId>&&) {};
    hooks.relay_view = [] { return std::optional<RelayView>(); };
    hooks.storage_view = [] { return std::optional<StorageView>(); };
    hooks.keep = [this](const SnapshotPtr&) { ++kept_; };
    return hooks;
  }

  void push_slot(double load) {
    std::vector<Batch> slot;
    slot.push_back(load_of(load));
    service_.push(std::move(slot));
  }

  // The service asks for servers when it sees a new `ollama serve`.
  void push_serve() {
    Batch batch;
    batch.collector = "processes";
    batch.lists_processes = true;
    batch.processes.resize(1);
    batch.processes[0].id = {100, 5};
    std::vector<Batch> slot;
    slot.push_back(std::move(batch));
    service_.push(std::move(slot));
  }

  std::atomic<bool> busy_{false};
  std::atomic<int> kept_{0};
  std::atomic<int> serves_seen_{0};
  RequestIds ids_;
  Service service_;
};

TEST_F(ServiceTest, ASnapshotKnowsAllThatCameBeforeTheQuestion) {
  service_.start();
  push_slot(0.25);
  const SnapshotPtr first = service_.ask();
  ASSERT_EQ(first->readings.size(), 1U);
  EXPECT_DOUBLE_EQ(first->readings[0].value, 0.25);
  service_.push(RequestEvent(started(1)));
  service_.push(RequestEvent(ended(1)));
  push_slot(0.75);
  const SnapshotPtr second = service_.ask();
  ASSERT_EQ(second->readings.size(), 1U)
      << "a request has ended, so the snapshot of a moment ago is not enough";
  EXPECT_DOUBLE_EQ(second->readings[0].value, 0.75);
}

TEST_F(ServiceTest, OneSnapshotAnswersTheQuestionsOfASecond) {
  service_.start();
  push_slot(0.5);
  SnapshotPtr first;
  SnapshotPtr second;
  do {
    first = service_.ask();
    second = service_.ask();
  } while (monotonic_now() - first->at >= 1s);  // the machine was busy with others
  EXPECT_EQ(first, second);
}

TEST_F(ServiceTest, WhileARequestIsUnderWayATimerLooksWhereNoSlotComes) {
  service_.start();
  service_.push(RequestEvent(started(1)));
  ASSERT_TRUE(test::eventually([&] { return busy_.load(); }))
      << "while nothing is under way it wakes for an event";
  push_serve();
  EXPECT_TRUE(test::eventually([&] { return serves_seen_ == 1; }));
}

TEST_F(ServiceTest, WhatIsKeptIsOfferedWithoutAQuestion) {
  service_.start();
  push_slot(0.5);
  EXPECT_TRUE(test::eventually([&] { return kept_ == 1; }));
}

TEST_F(ServiceTest, TheLastSnapshotIsThereAfterTheStop) {
  EXPECT_TRUE(service_.latest()->readings.empty());
  service_.start();
  push_slot(0.5);
  service_.stop();
  EXPECT_EQ(service_.latest()->readings.size(), 1U);
  service_.stop();
}

}  // namespace
}  // namespace tegrascope
