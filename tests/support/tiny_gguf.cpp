#include "tests/support/tiny_gguf.hpp"

#include <cstdio>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace tegrascope::test {
namespace {

// GGUF 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
enum ValueType : std::uint32_t { kUint32 = 4, kInt32 = 5, kFloat32 = 6, kString = 8, kArray = 9 };
constexpr std::uint64_t kAlignment = 32;

struct Tensor {
  std::string name;
  std::vector<std::uint64_t> shape;  // innermost first
  bool ones = false;                 // norms

  std::uint64_t values() const {
    std::uint64_t n = 1;
    for (const std::uint64_t d : shape) n *= d;
    return n;
  }
};

class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}

  template <class T>
  void raw(T value) {
    out_.write(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& s) {
    raw<std::uint64_t>(s.size());
    out_.write(s.data(), static_cast<std::streamsize>(s.size()));
  }
  void pair(const std::string& key, std::uint32_t value) { begin(key, kUint32), raw(value); }
  void pair(const std::string& key, float value) { begin(key, kFloat32), raw(value); }
  void pair(const std::string& key, const std::string& value) { begin(key, kString), text(value); }
  void array(const std::string& key, ValueType type, std::uint64_t count) {
    begin(key, kArray);
    raw<std::uint32_t>(type);
    raw<std::uint64_t>(count);
  }
  std::uint64_t pairs() const { return pairs_; }

 private:
  void begin(const std::string& key, ValueType type) {
    text(key);
    raw<std::uint32_t>(type);
    ++pairs_;
  }
  std::ostream& out_;
  std::uint64_t pairs_ = 0;
};

struct Token {
  std::string text;
  std::int32_t type;  // 1 normal, 2 unknown, 3 control, 6 byte
};

std::vector<Token> tokens_of(const TinyModel& model) {
  std::vector<Token> tokens{{"<unk>", 2}, {"<s>", 3}, {"</s>", 3}};
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    tokens.push_back({name, 6});
  }
  for (std::uint32_t i = 0; i < model.words; ++i) {
    std::string word;
    for (std::uint32_t n = i, k = 0; k < 3; ++k, n /= 26) word += static_cast<char>('a' + n % 26);
    tokens.push_back({word, 1});
  }
  return tokens;
}

std::vector<Tensor> tensors_of(const TinyModel& m, std::uint64_t vocabulary) {
  const std::uint64_t e = m.embedding;
  const std::uint64_t f = m.feed_forward;
  std::vector<Tensor> tensors{{"token_embd.weight", {e, vocabulary}}};
  for (std::uint32_t i = 0; i < m.blocks; ++i) {
    const std::string block = "blk." + std::to_string(i) + ".";
    tensors.push_back({block + "attn_norm.weight", {e}, true});
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"}) {
      tensors.push_back({block + name + ".weight", {e, e}});
    }
    tensors.push_back({block + "ffn_norm.weight", {e}, true});
    tensors.push_back({block + "ffn_gate.weight", {e, f}});
    tensors.push_back({block + "ffn_up.weight", {e, f}});
    tensors.push_back({block + "ffn_down.weight", {f, e}});
  }
  tensors.push_back({"output_norm.weight", {e}, true});
  tensors.push_back({"output.weight", {e, vocabulary}});
  return tensors;
}

// Key-value pairs. Called twice: the header wants their number first.
void write_pairs(Writer& w, const TinyModel& m, const std::vector<Token>& tokens) {
  w.pair("general.architecture", std::string("llama"));
  w.pair("general.name", std::string("tiny random"));
  w.pair("general.file_type", std::uint32_t{0});
  w.pair("llama.block_count", m.blocks);
  w.pair("llama.context_length", m.context);
  w.pair("llama.embedding_length", m.embedding);
  w.pair("llama.feed_forward_length", m.feed_forward);
  w.pair("llama.attention.head_count", m.heads);
  w.pair("llama.attention.head_count_kv", m.heads);
  w.pair("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  w.pair("llama.rope.dimension_count", m.embedding / m.heads);
  w.pair("llama.vocab_size", static_cast<std::uint32_t>(tokens.size()));
  w.pair("tokenizer.ggml.model", std::string("llama"));
  w.array("tokenizer.ggml.tokens", kString, tokens.size());
  for (const Token& t : tokens) w.text(t.text);
  w.array("tokenizer.ggml.scores", kFloat32, tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) w.raw(-static_cast<float>(i));
  w.array("tokenizer.ggml.token_type", kInt32, tokens.size());
  for (const Token& t : tokens) w.raw(t.type);
  w.pair("tokenizer.ggml.bos_token_id", std::uint32_t{1});
  w.pair("tokenizer.ggml.eos_token_id", std::uint32_t{2});
  w.pair("tokenizer.ggml.unknown_token_id", std::uint32_t{0});
}

std::uint64_t padded(std::uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

void pad(std::ostream& out) {
  const auto at = static_cast<std::uint64_t>(out.tellp());
  for (std::uint64_t i = at; i < padded(at); ++i) out.put('\0');
}

}  // namespace

void write_tiny_gguf(const std::filesystem::path& path, const TinyModel& model) {
  const std::vector<Token> tokens = tokens_of(model);
  const std::vector<Tensor> tensors = tensors_of(model, tokens.size());
  std::ofstream nowhere("/dev/null", std::ios::binary);
  Writer counter(nowhere);
  write_pairs(counter, model, tokens);

  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  Writer w(out);
  out.write("GGUF", 4);
  w.raw<std::uint32_t>(3);
  w.raw<std::uint64_t>(tensors.size());
  w.raw<std::uint64_t>(counter.pairs());
  write_pairs(w, model, tokens);
  std::uint64_t offset = 0;
  for (const Tensor& t : tensors) {
    w.text(t.name);
    w.raw<std::uint32_t>(static_cast<std::uint32_t>(t.shape.size()));
    for (const std::uint64_t d : t.shape) w.raw(d);
    w.raw<std::uint32_t>(0);  // F32
    w.raw(offset);
    offset += padded(t.values() * sizeof(float));
  }
  pad(out);

  std::mt19937 random(1);
  std::normal_distribution<float> weight(0.0F, 0.05F);
  std::vector<float> values;
  for (const Tensor& t : tensors) {
    values.assign(t.values(), 1.0F);
    if (!t.ones) {
      for (float& v : values) v = weight(random);
    }
    out.write(reinterpret_cast<const char*>(values.data()),
              static_cast<std::streamsize>(values.size() * sizeof(float)));
    pad(out);
  }
  out.close();
  if (!out) throw std::runtime_error("cannot write the model " + path.string());
}

}  // namespace tegrascope::test
