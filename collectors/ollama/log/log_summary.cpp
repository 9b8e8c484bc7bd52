#include "collectors/ollama/log/log_summary.hpp"

#include <algorithm>
#include <array>

#include "collectors/ollama/log/gin_line.hpp"
#include "collectors/ollama/log/log_decoder.hpp"

namespace tegrascope {
namespace {

using enum ReasonClass;

// Of several things that keep a GPU away, the one that explains most comes first.
constexpr std::array kTellingReasons{device_permission,
                                     container_lost_gpu,
                                     oom_alloc,
                                     driver_init,
                                     wrong_cuda_backend,
                                     discovery_failed,
                                     backend_missing,
                                     no_gpu_library,
                                     vram_too_small,
                                     no_gpu,
                                     none};

ReasonClass more_telling(ReasonClass a, ReasonClass b) {
  return std::find(kTellingReasons.begin(), kTellingReasons.end(), a) <=
                 std::find(kTellingReasons.begin(), kTellingReasons.end(), b)
             ? a
             : b;
}

void add_once(std::vector<std::string>& list, const std::string& name) {
  constexpr std::size_t kMost = 64;
  if (!name.empty() && list.size() < kMost && std::find(list.begin(), list.end(), name) == list.end())
    list.push_back(name);
}

}  // namespace

void LogSummarizer::add(const LogEvent& event) {
  std::visit([this](const auto& e) { on(e); }, event);
}

void LogSummarizer::on(const LogServer& event) {
  // The configuration is printed before "Listening on", and nothing lies between that counts.
  const bool same_start = !event.version.empty() && !server_.gpu_found && !server_.cpu_listed &&
                          !load_is_of_this_server_ && server_.trouble == none;
  if (same_start) return;
  if (const Claim before = claim(); before.placement != Placement::unknown || before.reason != none)
    earlier_ = before;
  server_ = {};
  load_is_of_this_server_ = false;
}

void LogSummarizer::on(const LogCompute& event) {
  if (event.library == "cpu") {
    server_.cpu_listed = true;
    server_.gpu_found = false;
    return;
  }
  server_.gpu_found = true;
  server_.cpu_listed = false;
  server_.trouble = none;
  add_once(server_.devices, event.name);
}

void LogSummarizer::on(const LogRunners& event) {
  server_.only_cpu_runners = std::all_of(event.variants.begin(), event.variants.end(),
                                         [](const std::string& variant) { return is_cpu_variant(variant); });
}

void LogSummarizer::on(const LogDevice& event) {
  // Looking for GPUs prints them as well, in versions that do it with a runner.
  const bool loading =
      load_ && load_is_of_this_server_ && load_->started && !load_->complete && !load_->failed;
  add_once(loading ? load_->found_devices : server_.devices, event.name);
}

void LogSummarizer::on(const LogBackend& event) {
  if (!event.complete || !load_ || !load_->started || load_->complete) return;
  load_->lists_no_gpu = event.library == "cpu";
}

void LogSummarizer::on(const LogPlan& event) {
  const bool goes_on = load_ && load_is_of_this_server_ && !load_->failed && !load_->measured &&
                       // Ollama's own engine starts its runner first.
                       (!load_->planned && load_->started);
  if (!goes_on) load_ = Load{};
  load_is_of_this_server_ = true;
  load_->planned = true;
  load_->plan = event;
}

void LogSummarizer::on(const LogLoadStarted& event) {
  const bool known = load_ && load_is_of_this_server_ && !load_->complete;
  const bool pending = known && !load_->started && !load_->failed && !load_->measured;
  // Another runner is tried for the same plan.
  const bool again =
      known && (load_->failed || load_->trouble != none) && (event.fallback || is_cpu_variant(event.variant));
  if (!pending) {
    Load next;
    if (again) {
      next.planned = load_->planned;
      next.plan = load_->plan;
      next.fallback = true;
      next.trouble = load_->trouble != none ? load_->trouble : load_->failure;
      next.memory_short = load_->memory_short;
    }
    load_ = std::move(next);
  }
  load_is_of_this_server_ = true;
  load_->started = true;
  load_->variant = event.variant;
  load_->gpu_layers = event.gpu_layers;
}

LogSummarizer::Load& LogSummarizer::running_load() {
  if (!load_ || !load_is_of_this_server_ || load_->complete || load_->failed) load_ = Load{};
  load_is_of_this_server_ = true;
  return *load_;
}

LogSummarizer::Load& LogSummarizer::measured_load() {
  Load& load = running_load();
  load.measured = true;
  return load;
}

void LogSummarizer::on(const LogLayout& event) {
  Load& load = measured_load();
  load.layout = event;
  load.last_allocation_failed = false;
}

void LogSummarizer::on(const LogOffload& event) {
  Load& load = measured_load();
  load.offload = event;
  load.last_allocation_failed = false;
}

void LogSummarizer::on(const LogOverflow& event) { measured_load().overflow += event.layers; }

void LogSummarizer::on(const LogBuffer& event) {
  const BufferPlace place = buffer_place(event.device);
  if (event.bytes == 0 || place == BufferPlace::host) return;
  Load& load = measured_load();
  if (place == BufferPlace::gpu) {
    add_once(load.buffer_devices, event.device);
    load.last_allocation_failed = false;
    server_.trouble = none;  // a GPU was had after all
  }
  Bytes* bytes = event.kind == "model"     ? &load.model
                 : event.kind == "kv"      ? &load.kv
                 : event.kind == "compute" ? &load.compute
                                           : nullptr;
  if (bytes != nullptr) (place == BufferPlace::gpu ? bytes->gpu : bytes->cpu) += event.bytes;
}

void LogSummarizer::on(const LogLoad&) {
  Load& load = running_load();
  load.complete = true;
  load.last_allocation_failed = false;
  server_.model_seen = true;
}

void LogSummarizer::on(const LogLoadFailed& event) {
  if (!load_ || !load_is_of_this_server_) running_load();
  end_load(event.reason);
}

void LogSummarizer::end_load(ReasonClass reason) {
  // An exit status says less than what the runner printed before it.
  if (reason == runner_crash || reason == none) {
    if (load_->memory_short && !load_->complete) {
      reason = oom_alloc;
    } else if (load_->trouble != none && !load_->complete) {
      reason = load_->trouble;
    }
  }
  // The first cause counts: what follows are its consequences.
  if (load_->failure == none || load_->failure == runner_crash) {
    load_->failure = reason == none ? load_->failure : reason;
  }
  load_->failed = true;
}

void LogSummarizer::on(const LogModelPresent&) { server_.model_seen = true; }

void LogSummarizer::on(const LogTrouble& event) {
  const bool loading = load_ && load_is_of_this_server_ && !load_->complete && !load_->failed;
  switch (event.kind) {
    case LogTrouble::Kind::device:
      if (event.reason == forced_cpu) {
        server_.cpu_forced = true;
      } else if (loading && load_->started) {
        load_->trouble = more_telling(event.reason, load_->trouble);
      } else {
        server_.trouble = more_telling(event.reason, server_.trouble);
        server_.gpu_found = false;
      }
      return;
    case LogTrouble::Kind::memory: {
      if (event.reason != oom_alloc && event.reason != vram_too_small) {
        if (!load_ || !load_is_of_this_server_) running_load();
        return end_load(event.reason);
      }
      if (event.reason == oom_alloc && load_ && load_is_of_this_server_ && load_->complete) {
        load_->failure = oom_alloc;
        return;
      }
      Load& load = running_load();
      if (event.reason == oom_alloc) {
        load.memory_short = load.last_allocation_failed = true;
      } else {
        load.layers_do_not_fit = true;
      }
      return;
    }
    case LogTrouble::Kind::fatal: {
      const bool of_driver = event.reason != runner_crash && event.reason != oom_killed;
      Load& load = load_ && load_is_of_this_server_ ? *load_ : running_load();
      if (loading && of_driver) load.trouble = more_telling(event.reason, load.trouble);
      // After a good load it is the runner that fails, whatever the driver says then.
      end_load(!of_driver ? event.reason : load.complete ? runner_crash : load.trouble);
      return;
    }
  }
}

void LogSummarizer::on(const LogAbort& event) {
  ++aborts_;
  if (event.what != LogAbort::What::load) return;
  if (!load_ || !load_is_of_this_server_ || load_->complete) running_load();
  load_->failure = client_aborted_load;
  load_->failed = true;
}

void LogSummarizer::on(const LogRequest& event) {
  if (!is_inference(event)) return;
  ++requests_;
  if (event.status == 200) server_.model_seen = true;
}

LogSummary LogSummarizer::summary() const {
  const Claim now = claim();
  LogSummary summary;
  summary.placement = now.placement;
  summary.reason = now.reason;
  summary.requests = requests_;
  summary.aborts = aborts_;
  const bool told_by_load = load_ && (load_is_of_this_server_ || server_.claim().placement != Placement::cpu);
  if (told_by_load) {
    if (load_->offload) {
      summary.layers_offloaded = load_->offload->layers;
      summary.layers_total = load_->offload->layers_total;
    } else {
      summary.layers_total = load_->plan.layers_total;
      summary.layers_offloaded = load_->plan.layers;
      if (load_->layout && load_->layout->operation == "commit")
        summary.layers_offloaded = load_->layout->layers;
    }
    summary.devices = !load_->buffer_devices.empty() ? load_->buffer_devices : load_->found_devices;
  }
  const bool on_gpu = now.placement == Placement::gpu || now.placement == Placement::partial;
  if (summary.devices.empty() && on_gpu) summary.devices = server_.devices;
  if (now.placement == Placement::cpu) summary.devices.clear();
  return summary;
}

}  // namespace tegrascope
