#include <CLI/App.hpp>
#include <atomic>
#include <csignal>
#include <iostream>
#include <thread>

#include "agent/app/agent.hpp"
#include "agent/app/listen_sockets.hpp"
#include "agent/app/log.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/signals.hpp"

namespace tegrascope {
namespace {

// SIGHUP: reads the configuration again. A wrong one is told and the old one stays.
void reload(int argc, const char* const* argv) {
  Config config;
  CLI::App app("", "tegrascope run");
  add_run_options(app, config);
  try {
    app.parse(argc, argv);
    validate(config);
  } catch (const std::exception& e) {
    log_error("configuration not reloaded, the old one stays in force", {{"error", e.what()}});
    return;
  }
  set_log_level(config.log_level);
  log_info("configuration is valid; log.level is in force, other changes need a restart",
           {{"log.level", config.log_level}});
}

// A second SIGTERM or SIGINT ends the wait for streams.
void stop(Agent& agent) {
  std::atomic<bool> stopped{false};
  std::thread watch([&] {
    Signals signals;
    while (true) {
      const int signal = signals.wait().value();
      if (stopped) return;
      if (signal == SIGHUP) continue;
      log_info("stopping now: streams are cut");
      agent.hurry();
    }
  });
  agent.stop();
  stopped = true;
  ::pthread_kill(watch.native_handle(), SIGTERM);
  watch.join();
}

}  // namespace

int command_run(int argc, const char* const* argv) {
  Config config;
  CLI::App app("Read the board, watch Ollama, join the two, serve the result to Prometheus.",
               "tegrascope run");
  add_run_options(app, config);
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;

  Signals signals;
  configure_log(config.log_level, config.log_format);
  try {
    take_listen_sockets(config);
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope run: " << e.what() << '\n';
    return 2;
  }
  Agent agent(config);
  try {
    agent.start();
  } catch (const std::invalid_argument& e) {
    std::cerr << "tegrascope run: " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << "tegrascope run: " << e.what() << '\n';
    return 1;
  }
  while (signals.wait() == SIGHUP) reload(argc, argv);
  log_info("stopping");
  stop(agent);
  log_info("stopped");
  return 0;
}

}  // namespace tegrascope
