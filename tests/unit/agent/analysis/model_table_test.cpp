#include "agent/analysis/model_table.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

TEST(ResolveModelName, AddsTheTagThatOllamaAdds) {
  EXPECT_EQ(resolve_model_name("llama3.2"), "llama3.2:latest");
  EXPECT_EQ(resolve_model_name("qwen2.5:7b"), "qwen2.5:7b");
  EXPECT_EQ(resolve_model_name("hf.co:443/user/model"), "hf.co:443/user/model:latest");
  EXPECT_EQ(resolve_model_name(""), "");
}

TEST(ResolveModelName, OtherServersNamesStayAsTheyAre) {
  EXPECT_EQ(resolve_model_name("gpt2", UpstreamKind::openai), "gpt2");
  EXPECT_EQ(resolve_model_name("Qwen/Qwen2.5-7B", UpstreamKind::openai), "Qwen/Qwen2.5-7B");
}

TEST(ModelTable, OnlyKnownModelsGetALabel) {
  ModelTable models(16);
  EXPECT_EQ(models.label("llama3.2:latest"), "other");
  models.admit("llama3.2:latest");
  EXPECT_EQ(models.label("llama3.2:latest"), "llama3.2:latest");
  EXPECT_EQ(models.label(""), "unknown");
}

TEST(ModelTable, AFloodOfNamesIsBoundedAndCounted) {
  ModelTable models(16);
  for (int i = 0; i < 10000; ++i) models.admit("m" + std::to_string(i));
  EXPECT_EQ(models.label("m15"), "m15");
  EXPECT_EQ(models.label("m16"), "other");
  EXPECT_EQ(models.overflow(), 10000u - 16u);
  models.admit("m9999");
  EXPECT_EQ(models.overflow(), 10000u - 16u) << "once each";
}

TEST(ModelTable, AModelUnseenLongGivesItsLabelBack) {
  using namespace std::chrono_literals;
  const MonotonicTime begin{100h};
  ModelTable models(2);
  for (const char* name : {"a", "b", "c"}) models.admit(name);
  models.view({"s", "a"});
  models.view({"s", "b"});
  models.see({"s", "a"}, begin);
  EXPECT_TRUE(models.forget_unseen(begin, 24h).empty());
  models.see({"s", "b"}, begin + 20h);
  EXPECT_TRUE(models.forget_unseen(begin + 24h, 24h).empty());
  const auto forgotten = models.forget_unseen(begin + 25h, 24h);
  ASSERT_EQ(forgotten.size(), 1u);
  EXPECT_EQ(forgotten[0].model, "a");
  EXPECT_EQ(models.views().size(), 1u);
  EXPECT_EQ(models.label("a"), "other");
  models.admit("c");
  EXPECT_EQ(models.label("c"), "c");
}

TEST(ModelTable, OnAnotherServerItKeepsItsLabel) {
  using namespace std::chrono_literals;
  const MonotonicTime begin{100h};
  ModelTable models(2);
  models.admit("a");
  for (const char* server : {"s", "t"}) models.view({server, "a"});
  models.see({"s", "a"}, begin);
  models.see({"t", "a"}, begin + 20h);
  EXPECT_EQ(models.forget_unseen(begin + 30h, 24h).size(), 1u);
  EXPECT_EQ(models.label("a"), "a");
}

TEST(ModelTable, ChildrenOfANewModelAreZero) {
  ModelTable models(16);
  const ModelView& view = models.view({"s", "m"});
  EXPECT_EQ(view.verdicts.size(), 4u);
  EXPECT_EQ(view.phase_ns.size(), 5u);
  EXPECT_EQ(view.aborted.at("client"), 0u);
}

}  // namespace
}  // namespace tegrascope
