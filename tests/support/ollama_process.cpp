#include "tests/support/ollama_process.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>
#include <stdexcept>

#include "tests/support/free_port.hpp"
#include "tests/support/http.hpp"
#include "tests/support/tiny_gguf.hpp"

namespace tegrascope::test {
namespace {

using namespace std::chrono_literals;

std::string sha256_of(const std::filesystem::path& file, const std::filesystem::path& directory) {
  ChildProcess sum({"/usr/bin/sha256sum", file.string()}, directory);
  sum.wait_for(60s);
  return sum.output().substr(0, 64);
}

}  // namespace

std::optional<std::string> find_ollama() {
  if (const char* named = std::getenv("TEGRASCOPE_TEST_OLLAMA")) return named;
  std::istringstream path(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "");
  for (std::string directory; std::getline(path, directory, ':');) {
    const std::string candidate = directory + "/ollama";
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return std::nullopt;
}

OllamaProcess::OllamaProcess(const std::string& program, const std::filesystem::path& directory) {
  const std::string address = "127.0.0.1:" + free_port();
  url_ = "http://" + address;
  process_.emplace(
      std::vector<std::string>{program, "serve"}, directory,
      std::vector<std::string>{"OLLAMA_HOST=" + address, "HOME=" + directory.string(),
                               "OLLAMA_MODELS=" + (directory / "models").string(), "OLLAMA_NO_CLOUD=1"});
  if (!wait_until(30s, [&] { return http_get(url_ + "/api/version").status == 200; })) {
    throw std::runtime_error("Ollama does not answer: " + log());
  }
}

void OllamaProcess::create_tiny_model(const std::string& name, const std::filesystem::path& directory,
                                      const std::string& through) {
  const std::string base = through.empty() ? url_ : through;
  const auto file = directory / "tiny.gguf";
  write_tiny_gguf(file);
  const std::string digest = "sha256:" + sha256_of(file, directory);
  const TestAnswer blob = http_post(base + "/api/blobs/" + digest, read_file(file));
  if (blob.status != 201 && blob.status != 200)  // 200: it has it already
    throw std::runtime_error("the blob was refused: " + blob.body + blob.error);
  const TestAnswer created =
      http_post(base + "/api/create", R"({"model":")" + name + R"(","files":{"tiny.gguf":")" + digest +
                                          R"("},"template":"{{ .Prompt }}"})");
  if (created.status != 200 || created.body.find("success") == std::string::npos) {
    throw std::runtime_error("the model was not created: " + created.body);
  }
}

}  // namespace tegrascope::test
