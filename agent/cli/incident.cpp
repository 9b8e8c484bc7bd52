// `tegrascope incident`: what the flight recorder kept.
#include <CLI/App.hpp>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "agent/app/incidents.hpp"
#include "agent/app/storage_directory.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/incident_text.hpp"
#include "agent/cli/options.hpp"
#include "agent/cli/replay.hpp"
#include "agent/cli/toml_config.hpp"
#include "agent/recording/decoder.hpp"

namespace tegrascope {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCommand = "tegrascope incident";
// Where the packaged service keeps its own.
constexpr const char* kServiceState = "/var/lib/tegrascope";

struct IncidentArguments {
  std::string action = "list";
  std::string file;
  std::string storage_path = "auto";
  bool last = false;
  bool json = false;
};

// A folder behind one that may not be entered, as systemd's for a DynamicUser, is not absent.
bool may_be_there(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder, error) || error == std::errc::permission_denied;
}

fs::path incidents_folder(const std::string& setting) {
  Config config;
  config.storage_path = setting;
  const fs::path state = storage_directory(config);
  if (state.empty())
    throw std::invalid_argument(
        "--storage.path names no folder: name the one that the agent keeps its state in");
  const fs::path own = state / kIncidentsFolder;
  const fs::path service = fs::path(kServiceState) / kIncidentsFolder;
  return setting == "auto" && !may_be_there(own) && may_be_there(service) ? service : own;
}

int list(const fs::path& folder, bool json) {
  const std::vector<IncidentFile> files = list_incidents(folder);
  if (json) {
    auto out = nlohmann::ordered_json::array();
    for (const IncidentFile& f : files)
      out.push_back({{"number", f.number},
                     {"time", f.time},
                     {"kind", f.kind},
                     {"bytes", f.bytes},
                     {"file", f.path.string()}});
    std::cout << out.dump(1) << '\n';
    return 0;
  }
  if (files.empty()) {
    std::cout << "no incident in " << folder.string() << '\n';
    return 0;
  }
  for (const IncidentFile& f : files)
    std::cout << f.time << "  " << f.kind << "  " << f.path.string() << '\n';
  std::cout << "tegrascope incident show FILE tells what led to it; --last takes the newest\n";
  return 0;
}

int show(const fs::path& file, bool json) {
  if (!json) std::cout << file.string() << '\n';
  const int code = replay_file(file.string(), json, kCommand);
  if (json || code == 2) return code;
  std::ifstream in(file);
  try {
    std::cout << '\n' << readings_table(in, file.string()) << std::flush;
  } catch (const RecordingError&) {
    return code;  // told already
  }
  return code;
}

// A path, or the name of a file in the folder.
fs::path find_file(const fs::path& folder, const std::string& given) {
  std::error_code ignored;
  if (given.find('/') != std::string::npos || fs::exists(given, ignored)) return given;
  return folder / given;
}

int run_incident(const IncidentArguments& arguments) {
  if (arguments.action == "show" && !arguments.last) {
    if (arguments.file.empty())
      throw std::invalid_argument("show needs a file: name one of `tegrascope incident list`");
    const bool path = arguments.file.find('/') != std::string::npos;
    return show(
        path ? fs::path(arguments.file) : find_file(incidents_folder(arguments.storage_path), arguments.file),
        arguments.json);
  }
  const fs::path folder = incidents_folder(arguments.storage_path);
  if (!arguments.last) return list(folder, arguments.json);
  const std::vector<IncidentFile> files = list_incidents(folder);
  if (files.empty()) {
    std::cerr << kCommand << ": no incident in " << folder.string()
              << "; --storage.path names the folder of another agent\n";
    return 1;
  }
  return show(files.back().path, arguments.json);
}

}  // namespace

int command_incident(int argc, const char* const* argv) {
  IncidentArguments arguments;
  CLI::App app(
      "What the agent's flight recorder kept: the two minutes before a fallback, a failed load, a runner's "
      "death or "
      "throttling, replayed. list (the default) names the files, show FILE tells what is in one.",
      kCommand);
  app.add_option("action", arguments.action, "list or show")->check(CLI::IsMember({"list", "show"}));
  app.add_option("file", arguments.file, "File to show");
  app.add_flag("--last", arguments.last, "Show the newest");
  app.add_option("--storage.path", arguments.storage_path, "Folder of the agent's state, as the agent has it")
      ->envname(environment_name("storage.path"))
      ->capture_default_str();
  app.add_flag("--json", arguments.json, "As JSON");
  if (const int code = parse_arguments(app, argc, argv); code >= 0) return code;
  try {
    return run_incident(arguments);
  } catch (const std::invalid_argument& e) {
    std::cerr << kCommand << ": " << e.what() << '\n';
    return 2;
  } catch (const std::exception& e) {
    std::cerr << kCommand << ": " << e.what() << '\n';
    return 1;
  }
}

}  // namespace tegrascope
