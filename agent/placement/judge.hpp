// The one judge of where inference ran. Pure. Evidence is weighed as log-likelihoods relative to `gpu`; GPU
// load and runner CPU are scored together, because apart they let a tiny model on the GPU drift into
// `partial`. Declarations (/api/ps, logs) are weighed, never believed: Ollama says "100 % GPU" of models that
// run on the CPU (ollama#7323, #8623, #10445, #12722).
#pragma once

#include "agent/model/request.hpp"
#include "agent/placement/evidence.hpp"

namespace tegrascope {

// Probabilities of gpu, cpu and partial; they add up to 1.
struct Belief {
  double gpu = 0.90;
  double cpu = 0.05;
  double partial = 0.05;
};

struct Judgement {
  Verdict verdict;
  Belief posterior;
};

inline constexpr double kVerdictProbability = 0.95;
inline constexpr Nanoseconds kMinDecodeWindow = std::chrono::seconds(1);
inline constexpr int kMinGpuSamples = 5;
inline constexpr std::int64_t kMinOutputTokens = 8;

// Verdict on one request, starting from `prior`. `unknown`, with the reason in the explanation, when the
// decode was too short, no physical evidence was valid, or no placement reaches 95 %.
Judgement judge(const Evidence& evidence, const Belief& prior);

// Prior of the next request on the same runner: evidence accumulates but never locks.
Belief next_prior(const Belief& posterior);

}  // namespace tegrascope
