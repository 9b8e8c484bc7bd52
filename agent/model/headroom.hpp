// Memory headroom: what would still fit beside the resident models, and what if they were unloaded. Pure; any
// thread.
//
//   fits = MemAvailable - model_cache - margin        never below 0
//
// MemAvailable counts the page cache as free. The part of a model that Ollama declares on the CPU is mapped from its
// file and sits in that cache: another program that takes the room pushes the weights out, and each token
// reads them from disk again. So that part is taken off (model_cache), up to what the cache holds.
// Swap is no headroom: weights and caches of a running model are all touched for every token.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"

namespace tegrascope {

// Held back from every answer: a sixteenth of the memory, but 512 MiB at least and 2 GiB at most. A choice: about what the
// driver's context of one more GPU program takes, and what the kernel wants free before it starts to reclaim.
std::uint64_t headroom_margin_bytes(std::uint64_t memory_total_bytes);

// With no free block as large as this the memory is fragmented: a GPU allocation, which wants large pages, may fail
// or wait for compaction although the bytes are there (NvMap error 12; ollama/ollama#13247).
inline constexpr std::uint64_t kFragmentedBelowBytes = 1U << 20U;

struct MemoryHeadroom {
  struct Model {
    std::string server;
    std::string model;
    std::uint64_t size_bytes = 0;  // as Ollama declares it: weights, context cache and work buffers
    std::uint64_t gpu_bytes = 0;   // part of it that it declares on the GPU
  };
  std::uint64_t total_bytes = 0;        // shared by CPU and GPU
  std::uint64_t available_bytes = 0;    // MemAvailable
  std::uint64_t model_cache_bytes = 0;  // of it, weights of resident models in the page cache
  std::uint64_t margin_bytes = 0;
  std::uint64_t fits_bytes = 0;  // one more program or model of this size, GPU part included, fits
  // The same if Ollama unloaded what it holds; absent: a server does not tell which models are resident.
  std::optional<std::uint64_t> fits_unloaded_bytes;
  std::optional<std::uint64_t> largest_free_block_bytes;  // contiguous; at most 4 MiB with pages of 4 KiB
  bool fragmented = false;                                // that is below kFragmentedBelowBytes
  std::vector<Model> models;                              // resident on this machine
};

// From fresh readings and the last state of each server. On a machine whose GPU has memory of its own
// (gpu_memory_total_bytes), the GPU part of models takes none of the memory meant here. Absent without
// memory_total_bytes and memory_available_bytes.
std::optional<MemoryHeadroom> memory_headroom(const std::vector<Reading>& readings,
                                              const std::vector<ServerState>& servers);

}  // namespace tegrascope
