#include "agent/cli/decode_ollama_log.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace tegrascope {
namespace {

using Json = nlohmann::json;

std::vector<Json> decode(const std::string& text) {
  std::istringstream in(text);
  std::ostringstream out;
  EXPECT_EQ(decode_ollama_log(in, out), 0);
  std::vector<Json> objects;
  std::istringstream lines(out.str());
  for (std::string line; std::getline(lines, line);) objects.push_back(Json::parse(line));
  return objects;
}

TEST(DecodeOllamaLog, EventsInTheOrderOfTheTextAndTheSummaryLast) {
  const auto objects = decode(
      "time=2024-09-13T09:19:01.543+02:00 level=INFO source=types.go:107 msg=\"inference compute\" id=GPU-5 "
      "library=cuda variant=jetpack6 compute=8.7 driver=12.2 name=Orin total=\"1.0 GiB\" available=\"512.0 "
      "MiB\"\n"
      "load_tensors: offloaded 29/29 layers to GPU\r\n"
      "load_tensors:        CUDA0 model buffer size =   2.00 MiB\n"
      "time=2024-09-13T09:19:05Z level=INFO source=server.go:1 msg=\"llama runner started in 4.25 seconds\"\n"
      "[GIN] 2024/09/13 - 09:19:09 | 200 |          1.5s |       127.0.0.1 | POST     \"/api/chat\"\n"
      "time=2024-09-13T09:20:05Z level=INFO source=sched.go:1 msg=\"Load failed\" error=\"llama runner "
      "process has "
      "terminated: signal: killed\"");
  ASSERT_EQ(objects.size(), 7u);
  EXPECT_EQ(objects[0], Json::parse(R"({"event":"compute","id":"GPU-5","library":"cuda","variant":"jetpack6",
    "name":"Orin","compute":"8.7","driver":"12.2","total_bytes":1073741824,"available_bytes":536870912})"));
  EXPECT_EQ(objects[1], Json::parse(R"({"event":"offload","layers":29,"layers_total":29})"));
  EXPECT_EQ(objects[2], Json::parse(R"({"event":"buffer","kind":"model","device":"CUDA0","bytes":2097152})"));
  EXPECT_EQ(objects[3], Json::parse(R"({"event":"load","seconds":4.25,"device":["CUDA0"]})"));
  EXPECT_EQ(objects[4], Json::parse(R"({"event":"request","method":"POST","path":"/api/chat","status":200,
    "duration_seconds":1.5,"client":"127.0.0.1","end":"2024-09-13T09:19:09"})"));
  EXPECT_EQ(objects[5], Json::parse(R"({"event":"load_failed","reason":"oom-killed"})"));
  EXPECT_EQ(objects[6], Json::parse(R"({"summary":{"placement":"gpu","layers_offloaded":29,"layers_total":29,
    "devices":["CUDA0"],"reason_class":"oom-killed","requests":1,"aborts":0}})"));
}

TEST(DecodeOllamaLog, WhatTheTextDoesNotSayIsLeftOut) {
  const auto objects = decode("");
  ASSERT_EQ(objects.size(), 1u);
  EXPECT_EQ(
      objects[0],
      Json::parse(R"({"summary":{"placement":"unknown","reason_class":"none","requests":0,"aborts":0}})"));
}

TEST(DecodeOllamaLog, BytesThatAreNoUtf8DoNotEndIt) {
  const auto objects =
      decode("\xff\xfe\n  Device 0: Or\xffin, compute capability 8.7, VMM: yes\nload_tensors: offl\n");
  ASSERT_EQ(objects.size(), 2u);
  EXPECT_EQ(objects[0]["event"], "device");
}

TEST(DecodeOllamaLog, PromptsAreNotWritten) {
  const std::string canary = "canary-5f3a";
  std::istringstream in(
      "time=2024-09-13T09:20:05Z level=DEBUG source=routes.go:1 msg=\"chat request\" prompt=\"" + canary +
      " offloaded 1/2 layers to GPU\"\n{\"log\":\"" + canary + "\"}\n" + canary +
      " CUDA error: out of memory\n[GIN] 2024/09/13 - 09:19:09 | 200 | 1s | ::1 | GET \"/x?" + canary +
      "\"\n");
  std::ostringstream out;
  EXPECT_EQ(decode_ollama_log(in, out), 0);
  EXPECT_EQ(out.str().find(canary), std::string::npos) << out.str();
}

TEST(DecodeOllamaLog, AFailedOutputIsAnError) {
  std::istringstream in("hello\n");
  std::ostringstream out;
  out.setstate(std::ios::badbit);
  EXPECT_EQ(decode_ollama_log(in, out), 1);
}

}  // namespace
}  // namespace tegrascope
