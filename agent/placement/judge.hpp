// The one judge of where inference ran. Pure. Evidence is weighed as log-likelihoods relative to `gpu`; GPU
// load and runner CPU are scored together, because apart they let a tiny model on the GPU drift into
// `partial`. Declarations (/api/ps, logs) are weighed, never believed: Ollama says "100 % GPU" of models that
// run on the CPU (ollama#7323, #8623, #10445, #12722).
#pragma once

#include "agent/model/request.hpp"
#include "agent/placement/evidence.hpp"
#include "agent/placement/thresholds.hpp"

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

// Verdict on one decode, starting from `prior`. `unknown`, with the reason in the explanation, when the decode was
// too short, nothing valid was observed, or no placement reaches the probability asked for.
Judgement judge(const Evidence& evidence, const Belief& prior, const PlacementThresholds& limits = {});

// Verdict on a model that has been loaded and has not decoded yet: by what is mapped, by /api/ps and by the log. Only
// ever `cpu` or `unknown`: where GPU code is, nothing but a decode tells whether it is used.
Judgement judge_load(const Evidence& evidence, const Belief& prior, const PlacementThresholds& limits = {});

// Prior of the next request on the same runner: evidence accumulates but never locks.
Belief next_prior(const Belief& posterior);

}  // namespace tegrascope
