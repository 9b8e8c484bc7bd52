// `tegrascope decode exchange`: what the agent reads out of the bytes of an HTTP exchange with a server.
#pragma once

#include <iosfwd>
#include <string_view>

#include "agent/model/ollama.hpp"

namespace tegrascope {

// `request` and `response` are what the client and the server sent on one connection, heads included, as a
// capture shows it. Of files written by hand, heads whose lines end without CR are taken as well, and a missing
// Host or Content-Length of the only request is put in. Writes one JSON object per request; figures the bytes do not give are left out, times are the server's own counts. Returns
// the exit code: 0, or 1 with a message on `errors` when there is no HTTP request in `request`.
//
//   {"endpoint","operation","model","streamed","remote","status","outcome","content_chunks",
//    "counts":{"prompt_tokens","output_tokens","total_duration_seconds","load_duration_seconds",
//              "prompt_eval_duration_seconds","eval_duration_seconds","done_reason"},
//    "options":{"num_gpu","num_predict","num_ctx"},"keep_alive","observation_error"}
//
// `outcome` is a word of Outcome (agent/model/words.hpp): an answer that stops in the middle is
// upstream_aborted, none at all incomplete. Of routes that are no inference: endpoint, operation and status.
int decode_exchange(std::string_view request, std::string_view response, UpstreamKind kind, std::ostream& out,
                    std::ostream& errors);

}  // namespace tegrascope
