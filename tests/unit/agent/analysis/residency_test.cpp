#include "agent/analysis/residency.hpp"

#include <gtest/gtest.h>

namespace tegrascope {
namespace {

ProcessReading runner(std::int64_t pid, std::int64_t serve_pid, const std::string& blob) {
  ProcessReading p;
  p.id = {pid, 1};
  p.role = ProcessRole::runner;
  p.serve_pid = serve_pid;
  p.model_blob = blob;
  return p;
}

ServerState state(const std::string& name, std::int64_t serve_pid, std::vector<ResidentModel> models) {
  ServerState s;
  s.server = {name, "http://" + name, serve_pid};
  s.up = true;
  s.models_known = true;
  s.models = std::move(models);
  return s;
}

ResidentModel model(const std::string& name, const std::string& blob, std::uint64_t size,
                    std::uint64_t vram) {
  ResidentModel m;
  m.name = name;
  m.model_blob = blob;
  m.size_bytes = size;
  m.size_vram_bytes = vram;
  return m;
}

TEST(Residency, TheOnlyRunnerOfAServerServesItsModel) {
  Residency r;
  r.set_server(state("a:1", 10, {model("m:latest", "", 4, 4)}));
  r.set_processes({runner(11, 10, "x"), runner(21, 20, "y")});
  EXPECT_EQ(r.runner_of("a:1", "m:latest")->id.pid, 11);
}

TEST(Residency, SeveralRunnersAreToldApartByTheirBlob) {
  Residency r;
  r.set_server(state("a:1", 10, {model("m:latest", "y", 4, 4), model("n:latest", "", 4, 4)}));
  r.set_processes({runner(11, 10, "x"), runner(12, 10, "y")});
  EXPECT_EQ(r.runner_of("a:1", "m:latest")->id.pid, 12);
  EXPECT_EQ(r.runner_of("a:1", "n:latest")->id.pid, 11) << "the only one left";
  r.set_processes({runner(11, 10, "x"), runner(12, 10, "y"), runner(13, 10, "z")});
  EXPECT_FALSE(r.runner_of("a:1", "n:latest"));
}

TEST(Residency, ARunnerOfAnotherModelIsNotTaken) {
  Residency r;
  r.set_server(state("a:1", 10, {model("m:latest", "x", 4, 4)}));
  r.set_processes({runner(11, 10, "x")});
  EXPECT_FALSE(r.runner_of("a:1", "loading:latest"));
  EXPECT_TRUE(r.runs_another(*r.runner({11, 1}), "a:1", "loading:latest"));
  EXPECT_FALSE(r.runs_another(*r.runner({11, 1}), "a:1", "m:latest"));
}

TEST(Residency, DeclaredShareIsSizeVramOverSize) {
  Residency r;
  r.set_server(state("a:1", 0, {model("m:latest", "", 8, 2), model("cpu:latest", "", 8, 0)}));
  EXPECT_DOUBLE_EQ(r.declared_gpu_share("a:1", "m:latest").value(), 0.25);
  EXPECT_DOUBLE_EQ(r.declared_gpu_share("a:1", "cpu:latest").value(), 0);
  EXPECT_FALSE(r.declared_gpu_share("a:1", "absent"));
  EXPECT_FALSE(r.declared_gpu_share("b:1", "m:latest"));
}

TEST(Residency, ATimedOutPollLeavesTheLastListStanding) {
  Residency r;
  r.set_server(state("a:1", 0, {model("m:latest", "", 8, 2)}));
  ServerState unknown = state("a:1", 0, {});
  unknown.models_known = false;
  r.set_server(unknown);
  EXPECT_TRUE(r.declared_gpu_share("a:1", "m:latest"));
  unknown.up = false;
  r.set_server(unknown);
  EXPECT_FALSE(r.declared_gpu_share("a:1", "m:latest"));
}

TEST(Residency, ARunnerIsAResidentModelsOnlyWhenNothingElseCanBeMeant) {
  Residency r;
  r.set_server(state("a:1", 10, {model("m:latest", "x", 4, 4)}));
  r.set_processes({runner(11, 10, "x")});
  EXPECT_EQ(r.runner_of_resident("a:1", "m:latest")->id.pid, 11);
  EXPECT_FALSE(r.runner_of_resident("a:1", "gone:latest"));
  r.set_processes({runner(11, 10, "y")});
  EXPECT_FALSE(r.runner_of_resident("a:1", "m:latest")) << "another model's runner";
  r.set_processes({runner(11, 10, "")});
  EXPECT_EQ(r.runner_of_resident("a:1", "m:latest")->id.pid, 11);
  r.set_server(state("a:1", 10, {model("m:latest", "", 4, 4), model("n:latest", "", 4, 4)}));
  EXPECT_FALSE(r.runner_of_resident("a:1", "m:latest"));
  EXPECT_FALSE(r.runner_of_resident("b:1", "m:latest"));
}

}  // namespace
}  // namespace tegrascope
