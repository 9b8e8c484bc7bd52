#include "exporters/http/api.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "exporters/http/endpoints.hpp"
#include "sample_snapshots.hpp"

namespace tegrascope {
namespace {

using Json = nlohmann::json;

std::int64_t sum(const Json& books, const char* unit) {
  std::int64_t total = 0;
  for (const char* part : {"attributed", "unattributed", "interrupted", "pending"})
    total += books.at(part).at(unit).get<std::int64_t>();
  return total;
}

TEST(Api, LedgerIsConservedSinceStartAndOverALifetime) {
  const Json ledger = Json::parse(ledger_json(full_snapshot()));
  for (const char* span : {"since_start", "lifetime"}) {
    const Json& books = ledger.at(span);
    EXPECT_TRUE(books.at("conserved").get<bool>()) << span;
    for (const char* unit : {"energy_nj", "gpu_busy_ns"})
      EXPECT_EQ(books.at("measured").at(unit).get<std::int64_t>(), sum(books, unit)) << span << unit;
  }
  EXPECT_EQ(ledger.at("since_start").at("pending").at("energy_nj").dump(), "50000000001");
  EXPECT_EQ(ledger.at("lifetime").at("measured").at("energy_nj").dump(), "1700000000000");
  EXPECT_EQ(ledger.at("lifetime").at("since_unix_s"), 1763700000);
  EXPECT_EQ(ledger.at("lifetime").at("interrupted").at("energy_nj"), 100'000'000'000);
  const Json& account = ledger.at("lifetime").at("accounts").at(0);
  EXPECT_EQ(account.at("model"), "qwen2.5:7b");
  EXPECT_EQ(account.at("phase"), "decode");
  EXPECT_EQ(account.at("energy_nj"), 500'000'000'000);
  EXPECT_TRUE(ledger.at("storage").at("kept").get<bool>());
  EXPECT_EQ(ledger.at("learned").at("idle_baselines").at(0).at("celsius_from"), 50);
  EXPECT_EQ(ledger.at("learned").at("series").at(0).at("values").size(), 3u);
}

TEST(Api, LedgerThatIsNotKeptIsThisRunsAndSaysSo) {
  Snapshot s = full_snapshot();
  s.carried.reset();
  s.storage.reset();
  const Json ledger = Json::parse(ledger_json(s));
  EXPECT_EQ(ledger.at("lifetime"), ledger.at("since_start"));
  EXPECT_FALSE(ledger.at("storage").at("kept").get<bool>());
  s.storage = StorageView{false, "/var/lib/tegrascope: no room", 0, 0, 0};
  EXPECT_EQ(Json::parse(ledger_json(s)).at("storage").at("error"), "/var/lib/tegrascope: no room");
}

TEST(Api, Headroom) {
  const Json h = Json::parse(headroom_json(full_snapshot()));
  EXPECT_EQ(h.at("margin_bytes"), 536870912);
  EXPECT_EQ(h.at("available_bytes"), 1234567168);
  EXPECT_EQ(h.at("models").at(0).at("size_bytes"), 6000000000);
  EXPECT_EQ(headroom_json(Snapshot{}), "{}\n");
}

TEST(Api, Roofline) {
  Snapshot s = full_snapshot();
  RequestRecord record;
  record.model = "qwen2.5:7b";
  record.roofline = Roofline{4.7e9, 1.1e11, 1.024e11, BytesSource::file};
  record.reasons = {kImpossibleBandwidth};
  s.recent = {RequestRecord{}, record};
  const Json r = Json::parse(roofline_json(s));
  const Json& model = r.at("models").at(0);
  EXPECT_EQ(model.at("impossible_requests"), 1);
  EXPECT_NEAR(model.at("bytes_per_second").get<double>(), 1.5e12 / 34, 1);
  EXPECT_NEAR(model.at("of_peak").get<double>(), 1.5 / 3.5, 1e-9);
  ASSERT_EQ(r.at("recent").size(), 1u);
  EXPECT_TRUE(r.at("recent").at(0).at("impossible").get<bool>());
  EXPECT_EQ(r.at("recent").at(0).at("source"), "file");
}

TEST(Api, IsForLoopbackOnly) {
  FixedSource source{full_snapshot()};
  Endpoints endpoints{source, {}};
  for (const char* path : {"/api/v1/ledger", "/api/v1/headroom", "/api/v1/roofline"}) {
    HttpRequest request;
    request.method = "GET";
    request.path = path;
    const HttpReply reply = endpoints(request);
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_EQ(reply.content_type, "application/json");
    EXPECT_TRUE(Json::accept(*reply.body));
    request.loopback = false;
    EXPECT_EQ(endpoints(request).status, 404) << path;
  }
}

}  // namespace
}  // namespace tegrascope
