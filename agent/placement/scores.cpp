#include "agent/placement/scores.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace tegrascope {
namespace {

struct Cell {
  double cpu = 0;
  double partial = 0;
  bool valid = true;
  const char* flag = nullptr;
};

// Columns of the joint table: runner cores U against the n threads it computes with.
enum class Cores : std::uint8_t { idle, grey, some, most };

Cores cores_column(double cores, int threads, const PlacementThresholds& limits) {
  const double most = limits.cores_most_share * threads;
  // With fewer than three threads the middle columns have no room: only "most of its threads" tells.
  if (threads < 3) return cores >= most ? Cores::most : Cores::idle;
  if (cores <= limits.cores_idle) return Cores::idle;
  if (cores >= most) return Cores::most;
  return cores < limits.cores_grey ? Cores::grey : Cores::some;
}

enum class Load : std::uint8_t { silent, half, busy, high };

Load load_row(double load, const PlacementThresholds& limits) {
  if (load < limits.load_silent) return Load::silent;
  if (load < limits.load_half) return Load::half;
  return load < limits.load_high ? Load::busy : Load::high;
}

Cell joint_cell(Load load, Cores cores) {
  static const std::array<std::array<Cell, 4>, 4> kTable{{
      {{{0, 0, false, "sensor_suspect"}, {2, 0}, {5, 0}, {9, 1}}},
      {{{-4, -1, true, "degraded"}, {-2, 0}, {0, 5}, {1, 5}}},
      {{{-6, -2}, {-5, 0}, {-2, 2.5}, {0, 2}}},
      {{{-9, -3}, {-7, -1}, {-3, 0}, {5, 1, true, "sensor_suspect"}}},
  }};
  return kTable[static_cast<std::size_t>(load)][static_cast<std::size_t>(cores)];
}

Cell cores_cell(Cores cores) {
  static const std::array<Cell, 4> kTable{{{-5, -2}, {0, 0}, {0, 3}, {5, 1}}};
  return kTable[static_cast<std::size_t>(cores)];
}

Cell load_cell(Load load) {
  static const std::array<Cell, 4> kTable{{{6, 1}, {0, 2}, {-3, 0}, {-6, -2}}};
  return kTable[static_cast<std::size_t>(load)];
}

template <class... Values>
std::string text(const char* format, Values... values) {
  std::array<char, 128> out{};
  std::snprintf(out.data(), out.size(), format, values...);
  return out.data();
}

std::string load_text(const Evidence& e) {
  if (!e.gpu_load_ratio) return e.gpu_present == false ? "no GPU" : "GPU load unknown";
  std::string out = text("GPU %.0f %%", *e.gpu_load_ratio * 100);
  switch (e.load_doubt) {
    case LoadDoubt::none:
      break;
    case LoadDoubt::foreign:
      out += " (busy before as well: not counted)";
      break;
    case LoadDoubt::stuck:
      out += " (always the same: not counted)";
      break;
    case LoadDoubt::shared:
      out += " (another runner worked too: not counted)";
      break;
  }
  return out;
}

std::string cores_text(const Evidence& e) {
  if (!e.runner_cores) return "runner CPU unknown";
  return text("runner %.2f cores", *e.runner_cores) + text(" of %d threads", e.runner_threads);
}

// The log tells how many layers are on the GPU, and so how busy it is in a decode: f = g / (g + (1 - g) r) of the time,
// r being how much faster it is than the CPU. A load that fits excludes no split, however much it looks like the
// GPU's alone.
bool looks_as_split_as_logged(const Evidence& e) {
  constexpr double kSpeedRatio = 2.3;
  constexpr double kTolerance = 0.15;
  if (!e.logged_layers_offloaded || !e.logged_layers_total || *e.logged_layers_total <= 0) return false;
  if (*e.logged_layers_offloaded <= 0 || *e.logged_layers_offloaded >= *e.logged_layers_total) return false;
  const double g =
      static_cast<double>(*e.logged_layers_offloaded) / static_cast<double>(*e.logged_layers_total);
  return std::abs(*e.gpu_load_ratio - g / (g + (1 - g) * kSpeedRatio)) <= kTolerance;
}

void add_physical(const Evidence& e, const PlacementThresholds& limits, Scores& out) {
  const bool load_valid =
      e.gpu_load_ratio && e.gpu_samples >= limits.min_gpu_samples && e.load_doubt == LoadDoubt::none;
  Cell cell{0, 0, false};
  const char* name = "gpu_load+runner_cores";
  if (e.runner_cores) {
    const Cores cores = cores_column(*e.runner_cores, e.runner_threads, limits);
    cell = load_valid ? joint_cell(load_row(*e.gpu_load_ratio, limits), cores) : cores_cell(cores);
    if (!load_valid) name = "runner_cores";
  } else if (load_valid) {
    cell = load_cell(load_row(*e.gpu_load_ratio, limits));
    name = "gpu_load";
  }
  if (e.load_doubt == LoadDoubt::stuck) cell.flag = "sensor_suspect";
  if (cell.flag != nullptr) out.flags.emplace_back(cell.flag);
  // Prompts keep the GPU busy even when no layer is on it; a spell whose phases nobody knows may be all prompt.
  const double weight = e.phases_known && !e.beside_prompt ? 1.0 : 0.5;
  // Some prompts are the CPU's work (images), wherever the layers are.
  if (e.beside_prompt && (cell.cpu > 0 || cell.partial > 0)) cell = {0, 0, false};
  const auto weighed = [&](double score) { return score < 0 ? score * weight : score; };
  if (load_valid && looks_as_split_as_logged(e)) cell.partial = std::max(cell.partial, 0.0);
  out.physical = cell.valid;
  out.physical_cpu = weighed(cell.cpu);
  out.physical_partial = weighed(cell.partial);
  const char* beside = e.beside_prompt ? " (beside another request's prompt)" : "";
  out.items.push_back(
      {name, load_text(e) + ", " + cores_text(e) + beside, out.physical_cpu, out.physical_partial});
}

void add_rate(const Evidence& e, const PlacementThresholds& limits, Scores& out) {
  if (!e.rate_ratio || e.throttled || e.contended || e.swapping) return;
  EvidenceScore item{"token_rate", text("%.2f of its usual rate", *e.rate_ratio), 0, 0};
  if (*e.rate_ratio < limits.rate_slow) {
    item.cpu = 2;
    item.partial = 1.5;
  } else if (*e.rate_ratio > limits.rate_usual) {
    item.cpu = -2;
    item.partial = -1;
  }
  out.items.push_back(std::move(item));
}

void add_declared(const Evidence& e, Scores& out) {
  if (e.declared_gpu_share) {
    const double share = *e.declared_gpu_share;
    EvidenceScore item{"api_ps", text("/api/ps says %.0f %% GPU", share * 100), -1, -1};
    if (share <= 0) {
      item.cpu = 4;
      item.partial = 0;
    } else if (share < 0.99) {
      item.cpu = 0;
      item.partial = 3;
    }
    out.items.push_back(std::move(item));
  }
  if (e.logged_layers_offloaded && e.logged_layers_total) {
    const auto offloaded = *e.logged_layers_offloaded;
    const auto total = *e.logged_layers_total;
    EvidenceScore item{"log",
                       text("its log says %lld of %lld layers on the GPU", static_cast<long long>(offloaded),
                            static_cast<long long>(total)),
                       -1.5, -1.5};
    if (offloaded == 0) {
      item.cpu = 4;
      item.partial = 0;
    } else if (offloaded < total) {
      item.cpu = 0;
      item.partial = 4;
    }
    out.items.push_back(std::move(item));
  }
}

void add_structure(const Evidence& e, Scores& out) {
  if (e.gpu_library == false) out.items.push_back({"gpu_library", "no GPU code is mapped", 5, -5});
  if (e.gpu_library == true) out.items.push_back({"gpu_library", "GPU code is mapped", -0.5, 0});
  // Who is not listed may be hidden by a namespace: only being listed tells.
  if (e.gpu_memory_held == true) out.items.push_back({"gpu_memory", "it holds memory on the GPU", -0.5, 0});
}

}  // namespace

double Scores::cpu() const {
  double sum = 0;
  for (const EvidenceScore& item : items) sum += item.cpu;
  return sum;
}

double Scores::partial() const {
  double sum = 0;
  for (const EvidenceScore& item : items) sum += item.partial;
  return sum;
}

Scores score(const Evidence& e, const PlacementThresholds& limits) {
  Scores out;
  add_physical(e, limits, out);
  add_rate(e, limits, out);
  if (e.joules_unusual == true && out.physical)
    out.items.push_back({"joules_per_token", "unusual joules per token", 0.5, 0.5});
  add_declared(e, out);
  add_structure(e, out);
  return out;
}

Scores score_load(const Evidence& e) {
  Scores out;
  add_declared(e, out);
  add_structure(e, out);
  return out;
}

}  // namespace tegrascope
