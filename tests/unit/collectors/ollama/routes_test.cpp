#include "collectors/ollama/routes.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

TEST(Routes, InferenceRoutes) {
  struct Case {
    const char* target;
    Operation operation;
    bool streams_by_default;
    StreamFormat format;
    Dialect dialect;
  };
  const Case cases[] = {
      {"/api/generate", Operation::generate, true, StreamFormat::ndjson, Dialect::ollama},
      {"/api/chat", Operation::chat, true, StreamFormat::ndjson, Dialect::ollama},
      {"/api/embed", Operation::embed, false, StreamFormat::none, Dialect::ollama},
      {"/api/embeddings", Operation::embed, false, StreamFormat::none, Dialect::ollama},
      {"/v1/chat/completions", Operation::chat, false, StreamFormat::sse, Dialect::openai},
      {"/v1/completions", Operation::generate, false, StreamFormat::sse, Dialect::openai},
      {"/v1/embeddings", Operation::embed, false, StreamFormat::none, Dialect::openai},
      {"/v1/responses", Operation::chat, false, StreamFormat::sse, Dialect::responses},
      {"/v1/messages", Operation::chat, false, StreamFormat::sse, Dialect::anthropic},
  };
  for (const Case& c : cases) {
    const Route& route = find_route("POST", c.target);
    EXPECT_EQ(route.endpoint, c.target);
    EXPECT_TRUE(route.is_inference) << c.target;
    EXPECT_EQ(route.operation, c.operation) << c.target;
    EXPECT_EQ(route.streams_by_default, c.streams_by_default) << c.target;
    EXPECT_EQ(route.stream_format, c.format) << c.target;
    EXPECT_EQ(route.dialect, c.dialect) << c.target;
  }
}

TEST(Routes, OtherKnownRoutesAreNoInference) {
  for (const auto& [method, target, endpoint] :
       std::initializer_list<std::tuple<const char*, const char*, const char*>>{
           {"HEAD", "/", "/"},
           {"GET", "/api/version", "/api/version"},
           {"GET", "/api/ps", "/api/ps"},
           {"POST", "/api/pull", "/api/pull"},
           {"POST", "/api/blobs/sha256-00ff", "/api/blobs/:digest"},
           {"HEAD", "/api/blobs/sha256-00ff", "/api/blobs/:digest"},
           {"GET", "/v1/models/qwen2.5:7b", "/v1/models/:model"},
           {"DELETE", "/api/delete", "/api/delete"}}) {
    const Route& route = find_route(method, target);
    EXPECT_EQ(route.endpoint, endpoint);
    EXPECT_FALSE(route.is_inference) << target;
  }
}

TEST(Routes, WhatIsNotInTheTableIsOther) {
  for (const auto& [method, target] :
       std::initializer_list<std::pair<const char*, const char*>>{{"GET", "/api/chat"},
                                                                  {"POST", "/api/chat/"},
                                                                  {"POST", "//api/chat"},
                                                                  {"POST", "/API/CHAT"},
                                                                  {"POST", "/api/chatty"},
                                                                  {"POST", "/api/blobs/"},
                                                                  {"POST", "/api/blobs/a/b"},
                                                                  {"GET", "/secret?model=x"},
                                                                  {"POST", ""}}) {
    EXPECT_EQ(find_route(method, target).endpoint, "other") << method << ' ' << target;
    EXPECT_FALSE(find_route(method, target).is_inference);
  }
}

TEST(Routes, OfAnOpenAiServer) {
  const auto route = [](const char* target) { return find_route("POST", target, UpstreamKind::openai); };
  EXPECT_EQ(route("/v1/chat/completions").dialect, Dialect::openai);
  EXPECT_EQ(route("/completion").dialect, Dialect::llama_cpp);
  EXPECT_EQ(route("/completion").operation, Operation::generate);
  EXPECT_FALSE(route("/api/chat").streams_by_default) << "llama.cpp's alias speaks OpenAI's language";
  EXPECT_EQ(route("/embedding").operation, Operation::embed);
  EXPECT_FALSE(route("/api/generate").is_inference);
  EXPECT_FALSE(find_route("GET", "/slots", UpstreamKind::openai).is_inference);
  EXPECT_FALSE(find_route("POST", "/completion").is_inference) << "no route of Ollama's";
}

TEST(Routes, TheQueryStringIsIgnored) {
  EXPECT_EQ(find_route("POST", "/api/generate?x=/api/chat").endpoint, "/api/generate");
  EXPECT_EQ(find_route("POST", "/api/chat?").endpoint, "/api/chat");
}

}  // namespace
}  // namespace tegrascope
