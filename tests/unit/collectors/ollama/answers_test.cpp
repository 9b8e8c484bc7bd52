#include "collectors/ollama/answers.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace tegrascope {
namespace {

std::filesystem::path corpus() {
  const char* given = std::getenv("TEGRASCOPE_CORPUS");
  return given != nullptr ? std::filesystem::path{given}
                          : std::filesystem::path{TEGRASCOPE_SOURCE_DIR} / "../shared/corpus";
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path};
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Answers, version) {
  EXPECT_EQ(parse_version(R"({"version":"0.33.0"})"), "0.33.0");
  EXPECT_FALSE(parse_version(R"({"version":""})"));
  EXPECT_FALSE(parse_version(R"({"version":33})"));
  EXPECT_FALSE(parse_version(R"(["0.33.0"])"));
  EXPECT_FALSE(parse_version("Ollama is running"));
  EXPECT_FALSE(parse_version(""));
}

TEST(Answers, ps_of_the_documentation) {
  const auto path = corpus() / "ollama-api/ps-doc-mistral.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS";
  const auto models = parse_ps(read_file(path));
  ASSERT_TRUE(models);
  ASSERT_EQ(models->size(), 1u);
  const ResidentModel& m = models->front();
  EXPECT_EQ(m.name, "mistral:latest");
  EXPECT_EQ(m.digest, "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8");
  EXPECT_EQ(m.family, "llama");
  EXPECT_EQ(m.parameter_size, "7.2B");
  EXPECT_EQ(m.quantization, "Q4_0");
  EXPECT_EQ(m.size_bytes, 5137025024u);
  EXPECT_EQ(m.size_vram_bytes, 5137025024u);
  EXPECT_FALSE(m.context_length);
  EXPECT_TRUE(m.model_blob.empty());
}

TEST(Answers, every_ps_body_of_the_corpus_is_read) {
  const auto path = corpus() / "ollama-api/ps-gemma3-gpu.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no corpus: set TEGRASCOPE_CORPUS";
  const auto models = parse_ps(read_file(path));
  ASSERT_TRUE(models);
  EXPECT_EQ(models->at(0).name, "gemma3:latest");
  EXPECT_EQ(models->at(0).quantization, "Q4_K_M");
}

TEST(Answers, ps_without_size_vram_means_zero_not_unknown) {
  const auto models = parse_ps(R"({"models":[{"name":"a:1","size":10,"context_length":4096}]})");
  ASSERT_TRUE(models);
  EXPECT_EQ(models->at(0).size_vram_bytes, 0u);
  EXPECT_EQ(models->at(0).context_length, 4096);
}

TEST(Answers, ps_fields_of_the_wrong_kind_are_absent) {
  const auto models =
      parse_ps(R"({"models":[{"name":"a:1","size":-3,"size_vram":"x","details":7,"context_length":0}]})");
  ASSERT_TRUE(models);
  EXPECT_FALSE(models->at(0).size_bytes);
  EXPECT_FALSE(models->at(0).size_vram_bytes);
  EXPECT_FALSE(models->at(0).context_length);
  EXPECT_TRUE(models->at(0).family.empty());
}

TEST(Answers, ps_with_nothing_loaded) {
  EXPECT_EQ(parse_ps(R"({"models":[]})")->size(), 0u);
  EXPECT_EQ(parse_ps(R"({"models":null})")->size(), 0u);
}

TEST(Answers, ps_that_cannot_be_read_is_not_an_empty_list) {
  EXPECT_FALSE(parse_ps(""));
  EXPECT_FALSE(parse_ps("{}"));
  EXPECT_FALSE(parse_ps("[]"));
  EXPECT_FALSE(parse_ps(R"({"models":{}})"));
  EXPECT_FALSE(parse_ps(R"({"models":[{"name":"a:1"})"));
  EXPECT_FALSE(parse_ps("\xff\xfe{\"models\":[]}"));
}

TEST(Answers, ps_lists_each_name_once_and_not_without_end) {
  EXPECT_EQ(parse_ps(R"({"models":[{"name":"a"},{"name":"a"},{"name":""},5,{}]})")->size(), 1u);
  std::string body = R"({"models":[)";
  for (int i = 0; i < 1000; ++i) body += R"({"name":"m)" + std::to_string(i) + R"("},)";
  body.back() = ']';
  EXPECT_EQ(parse_ps(body + "}")->size(), kMaxResidentModels);
}

TEST(Answers, blob_of_show) {
  const std::string digest(64, 'a');
  const std::string from = R"(FROM /root/.ollama/models/blobs/sha256-)" + digest;
  EXPECT_EQ(parse_model_blob(R"({"modelfile":"# made by \"ollama show\"\n# FROM x:1\n\n)" + from +
                             R"(\nTEMPLATE x"})"),
            digest);
  EXPECT_EQ(parse_model_blob(R"({"modelfile":"FROM llama3.2\n"})"), "");
  EXPECT_EQ(parse_model_blob(R"({"modelfile":"FROM /b/sha256-abc\n"})"), "");
  EXPECT_EQ(parse_model_blob(R"({"license":")" + from + R"("})"), "");
  EXPECT_EQ(parse_model_blob("not json"), "");
}

}  // namespace
}  // namespace tegrascope
