// A small language model with random weights in the GGUF format, good for nothing but keeping an inference
// server busy.
#pragma once

#include <cstdint>
#include <filesystem>

namespace tegrascope::test {

struct TinyModel {
  std::uint32_t blocks = 8;
  std::uint32_t embedding = 512;
  std::uint32_t feed_forward = 2048;
  std::uint32_t heads = 8;
  std::uint32_t words = 4000;  // three-letter tokens beside the 256 byte tokens
  std::uint32_t context = 2048;
};

// Writes the file (llama architecture, F32). Throws std::runtime_error naming the path.
void write_tiny_gguf(const std::filesystem::path& path, const TinyModel& model = {});

}  // namespace tegrascope::test
