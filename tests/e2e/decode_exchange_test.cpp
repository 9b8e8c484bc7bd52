// Exchanges as files, through the program as a user runs it.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/child_process.hpp"
#include "tests/support/corpus.hpp"
#include "tests/support/temp_tree.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;
using Json = nlohmann::json;

constexpr const char* kAsked =
    "POST /api/chat HTTP/1.1\r\nHost: 127.0.0.1:11434\r\nContent-Length: 62\r\n\r\n"
    R"({"model":"qwen2.5:7b","messages":[],"options":{"num_gpu":0}}  )";
constexpr const char* kAnswered =
    "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n"
    "{\"message\":{\"content\":\"a\"},\"done\":false}\n"
    "{\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"total_duration\":900000000,"
    "\"load_duration\":20000000,\"prompt_eval_count\":12,\"eval_count\":3,\"eval_duration\":700000000}\n";

class DecodeExchange : public testing::Test {
 protected:
  struct Outcome {
    int code = 0;
    std::vector<Json> records;
    std::string errors;
  };

  Outcome decode(const std::string& request, const std::string& response,
                 const std::vector<std::string>& more = {}) {
    directory_.write("request", request);
    directory_.write("response", response);
    std::vector<std::string> command{TEGRASCOPE_PROGRAM, "decode", "exchange",
                                     "--request=" + (directory_.root() / "request").string(),
                                     "--response=" + (directory_.root() / "response").string()};
    command.insert(command.end(), more.begin(), more.end());
    return run(command);
  }

  Outcome run(const std::vector<std::string>& command) {
    ChildProcess program(command, directory_.root());
    Outcome out;
    out.code = program.wait_for(10s).value_or(-1);
    out.errors = program.errors();
    std::istringstream lines(program.output());
    for (std::string line; std::getline(lines, line);)
      out.records.push_back(Json::parse(line, nullptr, false));
    return out;
  }

  TempTree directory_;
};

TEST_F(DecodeExchange, PrintsTheRecord) {
  const Outcome out = decode(kAsked, kAnswered);
  ASSERT_EQ(out.code, 0) << out.errors;
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(out.records[0], Json::parse(R"({"endpoint":"/api/chat","operation":"chat","model":"qwen2.5:7b",
      "streamed":true,"status":200,"outcome":"ok","content_chunks":1,"counts":{"prompt_tokens":12,
      "output_tokens":3,"total_duration_seconds":0.9,"load_duration_seconds":0.02,
      "eval_duration_seconds":0.7,"done_reason":"stop"},"options":{"num_gpu":0}})"));
}

TEST_F(DecodeExchange, WhatIsCutOrMissing) {
  const std::string cut =
      std::string(kAnswered).substr(0, std::string(kAnswered).find("{\"message\":{\"content\":\"\"}"));
  EXPECT_EQ(decode(kAsked, cut).records.at(0).at("outcome"), "upstream_aborted");
  const Outcome none = decode(kAsked, "");
  EXPECT_EQ(none.records.at(0).at("outcome"), "incomplete");
  EXPECT_FALSE(none.records.at(0).contains("status"));
  EXPECT_FALSE(none.records.at(0).contains("counts"));
}

TEST_F(DecodeExchange, FilesWrittenByHand) {
  const Outcome out = decode(
      "POST /v1/chat/completions HTTP/1.1\nContent-Type: "
      "application/json\n\n{\"model\":\"gpt-oss:120b-cloud\"}\n",
      "HTTP/1.1 200 OK\nContent-Type: application/json\n\n"
      "{\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n");
  ASSERT_EQ(out.code, 0) << out.errors;
  ASSERT_EQ(out.records.size(), 1U);
  EXPECT_EQ(out.records[0].at("model"), "gpt-oss:120b-cloud");
  EXPECT_EQ(out.records[0].at("remote"), true);
  EXPECT_EQ(out.records[0].at("streamed"), false);
  EXPECT_EQ(out.records[0].at("counts").at("output_tokens"), 6);
}

TEST_F(DecodeExchange, SeveralRequestsOfOneConnection) {
  const std::string answer = "HTTP/1.1 503 X\r\nContent-Length: 2\r\n\r\n{}";
  const Outcome out = decode(std::string(kAsked) + kAsked, answer + answer);
  ASSERT_EQ(out.records.size(), 2U) << out.errors;
  EXPECT_EQ(out.records[1].at("status"), 503);
  EXPECT_EQ(out.records[1].at("outcome"), "error");
}

TEST_F(DecodeExchange, ARouteThatIsNoInference) {
  const Outcome out =
      decode("GET /api/tags HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  ASSERT_EQ(out.code, 0) << out.errors;
  EXPECT_EQ(out.records.at(0), Json::parse(R"({"endpoint":"/api/tags","operation":"other","status":200})"));
}

TEST_F(DecodeExchange, AnOpenAiServer) {
  const Outcome out = decode(
      "POST /completion HTTP/1.1\r\nHost: a\r\n\r\n{\"prompt\":\"secret-canary\"}",
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"content\":\"secret-canary\","
      "\"stop\":true,\"timings\":{\"prompt_n\":4,\"prompt_ms\":2.5,\"predicted_n\":3,\"predicted_ms\":30}}",
      {"--upstream.kind=openai"});
  ASSERT_EQ(out.code, 0) << out.errors;
  EXPECT_EQ(out.records.at(0).at("counts").at("eval_duration_seconds"), 0.03);
  EXPECT_EQ(out.records.at(0).dump().find("canary"), std::string::npos) << "no text of prompts or answers";
}

TEST_F(DecodeExchange, TheCorpus) {
  const auto corpus = corpus_directory("ollama-api");
  if (!corpus) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS to its directory";
  const auto body = [&](const char* name) { return read_file(*corpus / name); };
  const auto asked = [](const std::string& target, const std::string& json) {
    return "POST " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" + json;
  };
  const auto answered = [](const std::string& type, const std::string& text) {
    return "HTTP/1.1 200 OK\r\nContent-Type: " + type + "\r\n\r\n" + text;
  };
  const Json anthropic = decode(asked("/v1/messages", R"({"model":"gemma4","stream":true})"),
                                answered("text/event-stream", body("anthropic-stream-shape.sse")))
                             .records.at(0);
  EXPECT_EQ(anthropic.at("outcome"), "ok");
  EXPECT_EQ(anthropic.at("counts").at("output_tokens"), 18);
  const Json no_usage = decode(asked("/v1/chat/completions", R"({"model":"q","stream":true})"),
                               answered("text/event-stream", body("openai-stream-nousage-shape.sse")))
                            .records.at(0);
  EXPECT_EQ(no_usage.at("observation_error"), "usage_missing");
  EXPECT_EQ(no_usage.at("content_chunks"), 2);
  const Json failed = decode(asked("/api/generate", R"({"model":"g"})"),
                             answered("application/x-ndjson", body("generate-stream-error.ndjson")))
                          .records.at(0);
  EXPECT_EQ(failed.at("outcome"), "error");
}

TEST_F(DecodeExchange, WrongUse) {
  const Outcome garbage = decode("{\"model\":\"x\"}", "");
  EXPECT_EQ(garbage.code, 1);
  EXPECT_NE(garbage.errors.find("HTTP head"), std::string::npos) << garbage.errors;
  const Outcome one = run({TEGRASCOPE_PROGRAM, "decode", "exchange", "--request=x"});
  EXPECT_EQ(one.code, 2);
  EXPECT_NE(one.errors.find("--response"), std::string::npos) << one.errors;
  const Outcome both = run({TEGRASCOPE_PROGRAM, "decode", "exchange", "--request=-", "--response=-"});
  EXPECT_EQ(both.code, 2);
  const Outcome missing =
      run({TEGRASCOPE_PROGRAM, "decode", "exchange", "--request=/nonexistent/file", "--response=-"});
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.errors.find("/nonexistent/file"), std::string::npos) << missing.errors;
  EXPECT_EQ(run({TEGRASCOPE_PROGRAM, "decode", "exchange", "FILE", "--request=a", "--response=b"}).code, 2);
  for (const char* flag : {"--request=a", "--response=a", "--upstream.kind=openai"}) {
    const Outcome other = run({TEGRASCOPE_PROGRAM, "decode", "tegrastats", flag});
    EXPECT_EQ(other.code, 2) << flag;
    EXPECT_NE(other.errors.find("is for exchange only"), std::string::npos) << other.errors;
  }
}

TEST_F(DecodeExchange, ADirectoryIsToldInOneLine) {
  const std::string here = directory_.root().string();
  for (const Outcome& out :
       {run({TEGRASCOPE_PROGRAM, "decode", "exchange", "--request=" + here, "--response=" + here}),
        run({TEGRASCOPE_PROGRAM, "decode", "ollama-log", here}),
        run({"/bin/sh", "-c", std::string(TEGRASCOPE_PROGRAM) + " decode tegrastats < " + here})}) {
    EXPECT_EQ(out.code, 1) << out.errors;
    EXPECT_EQ(std::count(out.errors.begin(), out.errors.end(), '\n'), 1) << out.errors;
    EXPECT_NE(out.errors.find("Is a directory"), std::string::npos) << out.errors;
  }
}

TEST_F(DecodeExchange, OneOfThemFromStandardInput) {
  directory_.write("request", kAsked);
  directory_.write("response", kAnswered);
  const std::string request = (directory_.root() / "request").string();
  const std::string response = (directory_.root() / "response").string();
  const Outcome out = run({"/bin/sh", "-c",
                           std::string(TEGRASCOPE_PROGRAM) + " decode exchange --request " + request +
                               " --response - < " + response});
  ASSERT_EQ(out.code, 0) << out.errors;
  EXPECT_EQ(out.records.at(0).at("outcome"), "ok");
}

}  // namespace
}  // namespace tegrascope::test
