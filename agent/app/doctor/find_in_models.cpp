#include <fmt/format.h>

#include <algorithm>

#include "agent/analysis/residency.hpp"
#include "agent/app/doctor/findings.hpp"
#include "agent/placement/reasons.hpp"

namespace tegrascope {
namespace {

class Models {
 public:
  Models(const DoctorFacts& facts, const ServerFacts& server, std::vector<Finding>& out)
      : facts_(facts), server_(server), out_(out) {
    residency_.set_server(server.state);
    std::vector<ProcessReading> processes;
    for (const RunnerFacts& runner : server.runners) processes.push_back(runner.process);
    residency_.set_processes(processes);
  }

  void find(const ResidentModel& model) {
    if (model.remote || is_cloud_name(model.name)) {
      add("placement", Severity::note, model, "a cloud model, computed on another machine", "", "");
      return;
    }
    const auto share = residency_.declared_gpu_share(server_.state.server.name, model.name);
    if (!share) {
      add("placement", Severity::note, model, "/api/ps does not tell where it is", "",
          "tegrascope prove " + model.name);
      return;
    }
    if (*share < 0.99) {
      find_off_gpu(model, *share);
    } else {
      find_claims(model);
    }
  }

 private:
  FallbackFacts facts_of(const ResidentModel& model, double share) const {
    FallbackFacts asked;
    asked.observed = share <= 0 ? Placement::cpu : Placement::partial;
    asked.declared_gpu_share = share;
    asked.board = facts_.report.board;
    asked.gpu_present = facts_.gpu_present;
    asked.serve = server_.access;
    asked.log = server_.log;
    asked.name_container = true;
    if (const RunnerFacts* runner = runner_of(model)) {
      asked.runner = runner->access;
      asked.cpu_requested = runner->process.gpu_layers_requested == 0;
    }
    return asked;
  }

  const RunnerFacts* runner_of(const ResidentModel& model) const {
    const auto process = residency_.runner_of_resident(server_.state.server.name, model.name);
    const auto found =
        std::find_if(server_.runners.begin(), server_.runners.end(),
                     [&](const RunnerFacts& r) { return process && r.process.id == process->id; });
    return found == server_.runners.end() ? nullptr : &*found;
  }

  void find_off_gpu(const ResidentModel& model, double share) {
    const Fallback fallback = find_fallback(facts_of(model, share));
    const bool wanted = fallback.reason == ReasonClass::forced_cpu;
    const std::string where =
        share <= 0 ? "on the CPU" : fmt::format("{:.0f} % on the GPU, the rest on the CPU", share * 100);
    const std::string why = fallback.why.empty() ? "neither its log nor /proc tells why" : fallback.why;
    add("placement",
        wanted       ? Severity::note
        : share <= 0 ? Severity::problem
                     : Severity::warning,
        model, where + ", says /api/ps: " + why + " (" + std::string(to_string(fallback.reason)) + ")",
        "tokens come two to three times slower, and the CPU is full", fallback.cure);
  }

  // Said to be on the GPU: do others say so?
  void find_claims(const ResidentModel& model) {
    const RunnerFacts* runner = runner_of(model);
    std::string against;
    if (runner != nullptr && runner->access && runner->access->cuda_mapped == false)
      against = "its runner has no CUDA code in its memory";
    // With several models the log's last load may be another one's.
    if (server_.log && server_.state.models.size() == 1 &&
        (server_.log->placement == Placement::cpu || server_.log->placement == Placement::partial)) {
      against += against.empty() ? "" : ", and ";
      against += "the log of its load says " + std::string(to_string(server_.log->placement));
      if (server_.log->layers_offloaded && server_.log->layers_total)
        against += fmt::format(" ({} of {} layers on the GPU)", *server_.log->layers_offloaded,
                               *server_.log->layers_total);
    }
    if (!against.empty()) {
      add("placement-claims", Severity::warning, model, "/api/ps says 100 % GPU, but " + against,
          "Ollama says so of models that run on the CPU as well", "tegrascope prove " + model.name);
      return;
    }
    std::string what = "on the GPU, says /api/ps";
    if (runner != nullptr && !(runner->access ? runner->access->backend : "").empty())
      what += "; its runner has " + runner->access->backend + " in its memory";
    add("placement", Severity::note, model, what, "a claim, not an observation",
        "tegrascope prove " + model.name);
  }

  void add(const char* id, Severity severity, const ResidentModel& model, std::string what, std::string why,
           std::string mend) {
    out_.push_back({id, severity, model.name, std::move(what), std::move(why), std::move(mend)});
  }

  const DoctorFacts& facts_;
  const ServerFacts& server_;
  std::vector<Finding>& out_;
  Residency residency_;
};

}  // namespace

void find_in_models(const DoctorFacts& facts, std::vector<Finding>& out) {
  for (const ServerFacts& server : facts.servers) {
    Models models(facts, server, out);
    for (const ResidentModel& model : server.state.models) models.find(model);
  }
}

}  // namespace tegrascope
