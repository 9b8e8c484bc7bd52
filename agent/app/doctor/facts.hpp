// Everything that doctor looks at, gathered once. Findings are made of it without another look.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/app/board_report.hpp"
#include "agent/model/gpu_access.hpp"
#include "agent/model/ollama.hpp"
#include "agent/model/reading.hpp"
#include "agent/model/server_log.hpp"

namespace tegrascope {

// Where clients reach a server.
struct ListensOn {
  std::string address;  // "0.0.0.0", "127.0.0.1", "::"
  std::uint16_t port = 0;
  bool published = false;  // by docker, for a port inside a container
};

struct RunnerFacts {
  ProcessReading process;
  std::optional<RunnerAccess> access;  // absent: it has ended meanwhile
};

struct ServerFacts {
  ServerState state;
  std::vector<ListensOn> listens;      // empty: not told
  bool own_network = true;             // its runners' ports can be reached from here
  std::optional<std::string> origins;  // OLLAMA_ORIGINS; absent: not set, or not readable
  std::optional<ServeAccess> access;
  std::vector<RunnerFacts> runners;
  std::string log_path;          // empty: no log is known
  std::optional<ServerLog> log;  // as it is now
};

// A relay of tegrascope's, as its command line tells it.
struct RelayFacts {
  std::vector<std::string> addresses;
  bool guard = false;
};

struct DoctorFacts {
  BoardReport report;
  bool gpu_present = false;
  std::vector<ServerFacts> servers;
  std::vector<RelayFacts> relays;
  std::vector<std::string> readable_web_configs;  // files with passwords that every user may read
  bool may_capture = false;                       // CAP_NET_RAW
};

// All fresh readings of the report but tegrastats', whose are told twice.
std::vector<Reading> sensor_readings(const BoardReport& report);

// The first of that signal, kind and instance ("" for any); absent: none.
std::optional<Reading> find_reading(const BoardReport& report, Signal signal, std::string_view kind = "",
                                    std::string_view instance = "");

}  // namespace tegrascope
