#include <algorithm>
#include <nlohmann/json.hpp>

#include "exporters/http/api.hpp"

namespace tegrascope {
namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Json of_model(const ModelView& m) {
  const RooflineSums& sums = m.roofline;
  Json out{{"server", m.server}, {"model", m.model}, {"requests", sums.requests}};
  out["impossible_requests"] = sums.impossible;
  if (sums.requests == 0) return out;
  out["bytes"] = sums.bytes;
  out["seconds"] = to_seconds(sums.time);
  out["bytes_per_second"] = sums.bytes / to_seconds(sums.time);
  if (sums.peak_bytes > 0) out["of_peak"] = sums.bytes / sums.peak_bytes;
  return out;
}

Json of_request(const RequestRecord& record) {
  const Roofline& r = *record.roofline;
  Json out{{"server", record.server}, {"model", record.model}};
  out["source"] = to_string(r.source);
  out["at_least"] = r.is_bound();
  out["bytes_per_token"] = r.bytes_per_token;
  out["bytes_per_second"] = r.bytes_per_second;
  if (r.peak_bytes_per_second) out["peak_bytes_per_second"] = *r.peak_bytes_per_second;
  if (const auto share = r.of_peak()) out["of_peak"] = *share;
  out["impossible"] =
      std::find(record.reasons.begin(), record.reasons.end(), kImpossibleBandwidth) != record.reasons.end();
  return out;
}

}  // namespace

std::string headroom_json(const Snapshot& snapshot) {
  Json out = Json::object();
  if (const auto& h = snapshot.headroom) {
    out["fits_bytes"] = h->fits_bytes;
    if (h->fits_unloaded_bytes) out["fits_unloaded_bytes"] = *h->fits_unloaded_bytes;
    out["total_bytes"] = h->total_bytes;
    out["available_bytes"] = h->available_bytes;
    out["model_cache_bytes"] = h->model_cache_bytes;
    out["margin_bytes"] = h->margin_bytes;
    if (h->largest_free_block_bytes) out["largest_free_block_bytes"] = *h->largest_free_block_bytes;
    out["fragmented"] = h->fragmented;
    out["models"] = Json::array();
    for (const MemoryHeadroom::Model& m : h->models) {
      out["models"].push_back(Json{{"server", m.server},
                                   {"model", m.model},
                                   {"size_bytes", m.size_bytes},
                                   {"gpu_bytes", m.gpu_bytes}});
    }
  }
  return text_of(out);
}

std::string roofline_json(const Snapshot& snapshot) {
  Json out{{"models", Json::array()}, {"recent", Json::array()}};
  for (const ModelView& model : snapshot.models) out["models"].push_back(of_model(model));
  for (const RequestRecord& record : snapshot.recent) {
    if (record.roofline) out["recent"].push_back(of_request(record));
  }
  return text_of(out);
}

}  // namespace tegrascope
