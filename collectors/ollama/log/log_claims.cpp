// The rules that turn what a load told into a placement and a reason.
#include "collectors/ollama/log/log_summary.hpp"

namespace tegrascope {
namespace {

using enum ReasonClass;

Placement by_layers(std::int64_t layers, std::int64_t total) {
  if (layers <= 0) return Placement::cpu;
  return layers < total ? Placement::partial : Placement::gpu;
}

}  // namespace

LogSummarizer::Claim LogSummarizer::Server::claim() const {
  if (cpu_forced) return {Placement::cpu, forced_cpu};
  if (trouble != none && trouble != no_gpu) return {Placement::cpu, trouble};
  if (only_cpu_runners) return {Placement::cpu, backend_missing};
  if (cpu_listed || trouble == no_gpu) return {Placement::cpu, no_gpu};
  if (gpu_found && model_seen) return {Placement::gpu, none};
  return {};
}

LogSummarizer::Claim LogSummarizer::claim() const {
  const Claim server = server_.claim();
  if (!load_) return server.placement == Placement::unknown && server.reason == none ? earlier_ : server;
  if (!load_is_of_this_server_) return server.placement == Placement::cpu ? server : earlier_;
  Claim claim;
  claim.placement = placement_of(*load_);
  if (claim.placement == Placement::unknown && !load_->failed) claim.placement = server.placement;
  claim.reason = reason_of(*load_, claim.placement);
  return claim;
}

Placement LogSummarizer::placement_of(const Load& load) const {
  if (is_cpu_variant(load.variant)) return Placement::cpu;
  const bool computes_on_cpu = load.kv.cpu + load.compute.cpu > 0 && load.gpu_bytes() == 0;
  if (load.trouble != none && load.gpu_bytes() == 0) return Placement::cpu;
  if (load.fallback && load.gpu_bytes() == 0 && !load.offload) return Placement::cpu;
  if (load.last_allocation_failed) return Placement::cpu;
  if (load.offload) {
    if (computes_on_cpu) return Placement::cpu;
    const Placement placement = by_layers(load.offload->layers, load.offload->layers_total);
    return placement == Placement::gpu && load.overflow > 0 ? Placement::partial : placement;
  }
  if (load.layout) {
    if (load.layout->layers == 0) return Placement::cpu;
    if (load.plan.layers_total) return by_layers(load.layout->layers, *load.plan.layers_total);
  }
  if (computes_on_cpu) return Placement::cpu;
  if (load.kv.gpu > 0 && load.kv.cpu > 0) return Placement::partial;
  if (load.kv.gpu + load.compute.gpu > 0) return Placement::gpu;
  // The embeddings stay with the CPU in every load.
  if (load.model.gpu > 0) return load.model.cpu > load.model.gpu ? Placement::partial : Placement::gpu;
  if (load.lists_no_gpu) return Placement::cpu;
  if (load.plan.library == "cpu" || load.gpu_layers == 0 || load.layers_do_not_fit) return Placement::cpu;
  if (load.plan.layers && load.plan.layers_total)
    return by_layers(*load.plan.layers, *load.plan.layers_total);
  if (load.plan.layers == 0 || load.plan.requested == 0) return Placement::cpu;
  if (!load.found_devices.empty()) return Placement::gpu;
  return Placement::unknown;
}

ReasonClass LogSummarizer::reason_of(const Load& load, Placement placement) const {
  if (load.failed || load.failure != none) return load.failure;
  switch (placement) {
    case Placement::cpu:
      return cpu_reason_of(load);
    case Placement::partial:
      if (load.plan.requested.value_or(-1) > 0) return none;  // asked for
      return load.memory_short ? oom_alloc : vram_too_small;
    case Placement::gpu:
      return load.complete ? server_.trouble : none;  // the GPU went away since
    case Placement::unknown:
      return load.memory_short ? oom_alloc : none;
  }
  return none;
}

ReasonClass LogSummarizer::cpu_reason_of(const Load& load) const {
  const ReasonClass server = server_.claim().reason;
  if (load.plan.requested == 0 || server_.cpu_forced) return forced_cpu;
  if (load.gpu_layers == 0 && load.plan.library.empty()) return forced_cpu;
  if (load.memory_short) return oom_alloc;
  if (load.trouble != none) return load.trouble;
  if (load.layers_do_not_fit) return vram_too_small;
  if (server != none) return server;
  if (load.plan.library == "cpu") return no_gpu;
  const bool gpu_planned = !load.plan.library.empty() && load.plan.library != "gpu";
  if (gpu_planned && load.plan.layers.has_value())
    return load.plan.layers > 0 ? backend_missing : vram_too_small;
  if (is_cpu_variant(load.variant)) return server_.gpu_found ? backend_missing : none;
  const bool gpu_there = server_.gpu_found || !server_.devices.empty() || !load.found_devices.empty();
  if (!gpu_there) return none;
  return load.offload || load.layout ? vram_too_small : backend_missing;
}

}  // namespace tegrascope
