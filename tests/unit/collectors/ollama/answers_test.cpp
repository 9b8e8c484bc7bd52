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

TEST(Answers, show_tells_what_a_model_is_made_of) {
  const ModelDetails details = parse_show(
      R"({"modelfile":"FROM x","details":{},"model_info":{"general.architecture":"gemma3","general.parameter_count":4299915632,)"
      R"("gemma3.block_count":34,"gemma3.context_length":131072,"gemma3.embedding_length":2560,)"
      R"("gemma3.attention.head_count":8,"gemma3.attention.head_count_kv":[4,4,2],"gemma3.attention.key_length":256,)"
      R"("gemma3.attention.sliding_window":1024,"gemma3.expert_count":null,"tokenizer.ggml.tokens":null,)"
      R"("gemma3.feed_forward_length":-3}})");
  ASSERT_TRUE(details.shape);
  const ModelShape& shape = *details.shape;
  EXPECT_EQ(shape.architecture, "gemma3");
  EXPECT_EQ(shape.parameter_count, 4299915632);
  EXPECT_EQ(shape.block_count, 34);
  EXPECT_EQ(shape.context_length, 131072);
  EXPECT_EQ(shape.embedding_length, 2560);
  EXPECT_EQ(shape.head_count, 8);
  EXPECT_EQ(shape.head_count_kv, 4);
  EXPECT_EQ(shape.key_length, 256);
  EXPECT_EQ(shape.sliding_window, 1024);
  EXPECT_FALSE(shape.expert_count);
  EXPECT_FALSE(shape.feed_forward_length);
  EXPECT_FALSE(details.remote);
}

TEST(Answers, show_of_remote_and_old_models) {
  EXPECT_TRUE(parse_show(R"({"remote_host":"https://ollama.com:443","remote_model":"x"})").remote);
  EXPECT_FALSE(parse_show(R"({"modelfile":"FROM x"})").shape);
  for (const char* odd : {"", "[]", "{\"model_info\":[]}", "{\"model_info\":{}}",
                          "{\"model_info\":{\"general.architecture\":3}}"})
    EXPECT_FALSE(parse_show(odd).shape) << odd;
}

TEST(Answers, tags) {
  const auto installed = parse_tags(
      R"({"models":[{"name":"a:1","digest":"d1","size":7},{"name":"b:cloud","digest":"d2","size":1,"remote_model":"b"},)"
      R"({"digest":"d3","size":9},{"name":"c:1","digest":"d4","size":-1}]})");
  ASSERT_TRUE(installed);
  EXPECT_EQ(installed->count, 3u);
  EXPECT_EQ(installed->file_bytes, (std::map<std::string, std::uint64_t>{{"d1", 7}}));
  EXPECT_EQ(installed->remote, std::vector<std::string>{"b:cloud"});
  EXPECT_EQ(parse_tags(R"({"models":null})")->count, 0u);
  for (const char* odd : {"", "{}", "[]", "{\"models\":{}}"}) EXPECT_FALSE(parse_tags(odd)) << odd;
}

}  // namespace
}  // namespace tegrascope
