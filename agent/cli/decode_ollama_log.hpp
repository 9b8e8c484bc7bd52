// `tegrascope decode ollama-log`: what the agent reads out of an Ollama server's log.
#pragma once

#include <iosfwd>

namespace tegrascope {

// Writes one JSON object per event, in the order of the text, and the summary as the last one; what the text
// does not say is left out. Prompts and other free text are never written. Returns the exit code: 0 for any
// text, or 1 when `in` or `out` failed. Memory is bounded whatever comes.
//
//   {"event":"server","version"}            {"event":"runners","variants":[]}
//   {"event":"compute","id","library","variant","name","description","compute","driver","type","total_bytes",
//    "available_bytes"}                     {"event":"device","index","name","compute"}
//   {"event":"plan","library","layers_requested","layers","layers_total"}
//   {"event":"load_started","variant","layers"}            {"event":"backend","library","complete"}
//   {"event":"layout","operation","layers"}                {"event":"overflow","layers"}
//   {"event":"offload","layers","layers_total"}            {"event":"buffer","kind","device","bytes"}
//   {"event":"load","seconds","device":[]}                 {"event":"load_failed","reason"}
//   {"event":"trouble","kind":"device|memory|fatal","reason"}
//   {"event":"abort","what":"completion|embedding|load"}   {"event":"model"}
//   {"event":"request","method","path","status","duration_seconds","client","end"}
//   {"event":"slot","slot","task","state","prompt_tokens","prompt_seconds","output_tokens","output_seconds",
//    "total_seconds","progress_ratio","tokens_per_second"}
//   {"summary":{"placement","layers_offloaded","layers_total","devices":[],"reason_class","requests",
//    "aborts"}}
//
// The fields are those of collectors/ollama/log/log_event.hpp and LogSummary.
int decode_ollama_log(std::istream& in, std::ostream& out);

}  // namespace tegrascope
