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

TEST(ModelTable, OnlyKnownModelsGetALabel) {
  ModelTable models(16);
  EXPECT_EQ(models.label("llama3.2"), "other");
  models.admit("llama3.2");
  EXPECT_EQ(models.label("llama3.2:latest"), "llama3.2:latest");
  EXPECT_EQ(models.label(""), "unknown");
}

TEST(ModelTable, AFloodOfNamesIsBoundedAndCounted) {
  ModelTable models(16);
  for (int i = 0; i < 10000; ++i) models.admit("m" + std::to_string(i));
  EXPECT_EQ(models.label("m15"), "m15:latest");
  EXPECT_EQ(models.label("m16"), "other");
  EXPECT_GT(models.overflow(), 0u);
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
