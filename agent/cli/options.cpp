#include "agent/cli/options.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "agent/cli/toml_config.hpp"
#include "collectors/collector.hpp"

namespace tegrascope {
namespace {

std::function<void(const CLI::App&)> inspector;

// Levenshtein.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

CLI::Option* with_environment(CLI::Option* option) {
  return option->envname(environment_name(option->get_lnames().front()));
}

template <class T>
CLI::Option* add_value(CLI::App& app, const std::string& name, T& value, const std::string& help) {
  CLI::Option* option = with_environment(app.add_option("--" + name, value, help))->capture_default_str();
  return std::is_unsigned_v<T> ? option->check(not_negative()) : option;
}

CLI::Option* add_list(CLI::App& app, const std::string& name, std::vector<std::string>& value,
                      const std::string& help) {
  return with_environment(app.add_option("--" + name, value, help))
      ->expected(1)
      ->allow_extra_args(false)
      ->delimiter(',')
      ->take_all()
      ->capture_default_str();
}

void add_switch(CLI::App& app, const std::string& name, bool& value, const std::string& help) {
  with_environment(app.add_flag("--" + name, value, help));
}

template <class Duration>
CLI::Option* add_duration(CLI::App& app, const std::string& name, Duration& value, const std::string& help) {
  CLI::Option* option = app.add_option_function<std::string>(
      "--" + name,
      [&value, name](const std::string& text) {
        try {
          value = std::chrono::duration_cast<Duration>(parse_duration(text));
        } catch (const std::invalid_argument& e) {
          throw CLI::ValidationError("--" + name, e.what());
        }
      },
      help);
  option->type_name("DURATION")->default_str(format_duration(value));
  return with_environment(option);
}

std::vector<std::string> flag_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  for (const CollectorInfo& info : builtin_collectors())
    names.push_back("--no-collector." + std::string(info.name));
  return names;
}

std::string default_of(const CollectorInfo& info) {
  if (info.make_auto != nullptr) return " (default: auto, where sysfs lacks what it has)";
  return info.on_by_default ? " (on by default)" : " (off by default)";
}

std::string unknown_flag_message(const CLI::App& app) {
  // A mistyped flag leaves its value behind as well, and CLI11 names the last of both.
  const std::vector<std::string> extras = app.remaining();
  const auto first =
      std::find_if(extras.begin(), extras.end(), [](const std::string& e) { return e[0] == '-'; });
  std::string flag = first != extras.end() ? *first : extras.empty() ? "" : extras.front();
  flag = flag.substr(0, flag.find('='));
  const std::string near = nearest_name(flag, flag_names(app));
  return (!flag.empty() && flag.front() == '-' ? "unknown flag " : "unexpected argument ") + flag +
         (near.empty() ? "; see --help" : "; did you mean " + near + "?");
}

}  // namespace

CLI::Validator not_negative() {
  return {[](const std::string& text) {
            return text.find('-') == std::string::npos ? std::string() : "'" + text + "' is negative";
          },
          ""};
}

std::string nearest_name(const std::string& name, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(3, name.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t distance = edit_distance(name, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

void add_source_options(CLI::App& app, Config& config) {
  HostPaths& paths = config.paths;
  app.add_option_function<std::string>(
         "--path.rootfs",
         [&paths](const std::string& root) {
           paths.rootfs = root;
           if (paths.procfs == "/proc") paths.procfs = paths.rootfs / "proc";
           if (paths.sysfs == "/sys") paths.sysfs = paths.rootfs / "sys";
         },
         "Mount point of the host's root; implies --path.procfs and --path.sysfs")
      ->envname(environment_name("path.rootfs"))
      ->default_str("/");
  with_environment(app.add_option("--path.procfs", paths.procfs, "Mount point of procfs"))
      ->default_str("/proc");
  with_environment(app.add_option("--path.sysfs", paths.sysfs, "Mount point of sysfs"))->default_str("/sys");
  with_environment(app.add_option("--path.tegrastats", paths.tegrastats,
                                  "The tegrastats program; empty: looked for in PATH"));
  with_environment(app.add_option("--path.nvml-library", paths.nvml_library,
                                  "NVIDIA's management library; empty: libnvidia-ml.so.1 of this machine"));

  for (const CollectorInfo& info : builtin_collectors()) {
    const std::string name(info.name);
    with_environment(app.add_flag_function(
        "--collector." + name + ",!--no-collector." + name,
        [&config, name](std::int64_t count) { config.collectors[name] = count > 0; },
        "Collector " + name + default_of(info)));
  }
}

void add_server_options(CLI::App& app, Config& config) {
  add_list(app, "ollama.url", config.ollama_urls,
           "Ollama to watch, as http://host:port; may be repeated; auto: found");
  add_value(
      app, "ollama.log-file", config.ollama_log_file,
      "Log of the first Ollama, for witness log: a file (docker's json file too), or journal:UNIT as "
      "journal:ollama; auto, for each server: $OLLAMA_LOGS of its process, the file of its standard output, "
      "/data/logs/ollama.log as in the dustynv images, the journal of its systemd unit");
}

void add_run_options(CLI::App& app, Config& config) {
  // CLI11 reads the environment after the file, so the file's own name is looked up here.
  const char* file = std::getenv(environment_name("config.file").c_str());
  app.set_config("--config.file", file == nullptr ? "" : file,
                 "TOML file with the names of these flags as keys (Env:TEGRASCOPE_CONFIG_FILE)",
                 file != nullptr);
  app.config_formatter(std::make_shared<TomlConfig>(app));

  add_list(app, "web.listen-address", config.web_listen_addresses,
           "Address of /metrics and the health endpoints; may be repeated; port 0 picks a free one");
  add_value(app, "web.port-file", config.web_port_file, "Write the chosen ports to this file");

  add_source_options(app, config);
  add_duration(app, "sample.interval", config.sample_interval,
               "Sampling interval while a request is in flight");
  add_duration(app, "sample.idle-interval", config.sample_idle_interval,
               "Sampling interval while nothing runs");
  add_value(app, "sample.seed", config.sample_seed,
            "Seed of the random sampling instants; 0: from the system");

  add_server_options(app, config);
  add_list(app, "observe", config.observe,
           "Witnesses of requests: auto, or a list of relay, capture, slots, log, process, poll; "
           "auto,capture adds the "
           "capture, which needs CAP_NET_RAW")
      ->check(CLI::IsMember({"auto", "relay", "capture", "slots", "log", "process", "poll"}));
  add_list(app, "relay.listen-address", config.relay_listen_addresses,
           "Address where clients reach Ollama through the relay, as 127.0.0.1:11481; empty: no relay");
  add_value(app, "relay.port-file", config.relay_port_file, "Write the relay's chosen ports to this file");
  with_environment(app.add_option_function<std::string>(
                       "--upstream.kind",
                       [&config](const std::string& kind) {
                         config.upstream_kind =
                             kind == "openai" ? UpstreamKind::openai : UpstreamKind::ollama;
                       },
                       "What the servers of --ollama.url speak: ollama, openai (llama.cpp server, vLLM)"))
      ->check(CLI::IsMember({"ollama", "openai"}))
      ->default_str("ollama");
  add_list(
      app, "relay.allowed-hosts", config.relay_allowed_hosts,
      "Names, addresses or *.NAME that clients may use for the relay, beyond localhost, this machine's name, "
      "*.local, *.internal and private addresses; * for any; empty: those when Ollama is on loopback, else "
      "any");
  add_switch(app, "relay.rewrite-host", config.relay_rewrite_host,
             "Send Ollama its own address as Host, for names that Ollama refuses on loopback");
  add_switch(
      app, "relay.guard", config.relay_guard,
      "Let only inference and read routes pass; refuse pull, push, create, copy, delete, blobs and the like");
  add_value(app, "relay.max-connections", config.relay_max_connections,
            "Most client connections at a time; beyond it idle ones are closed, then new ones refused");
  add_duration(app, "relay.head-timeout", config.relay_head_timeout,
               "How long a request head may take; nothing else in an exchange has a deadline");
  add_duration(app, "relay.drain-time", config.relay_drain_time,
               "How long a stop waits for streams to finish");

  for_each_threshold(config.placement, [&app](const std::string& name, auto& value, const char* help) {
    using Value = std::remove_reference_t<decltype(value)>;
    CLI::Option* option = nullptr;
    if constexpr (std::is_same_v<Value, Nanoseconds>) {
      option = add_duration(app, "placement." + name, value, help);
    } else {
      option = add_value(app, "placement." + name, value, help);
    }
    option->group("Where a decode ran: the judge's thresholds (rarely turned; docs/placement.md)");
  });

  add_value(app, "events.webhook-url", config.events_web_hook_url,
            "Post each event (fallback, recovery, failed load, runner death, throttling) here as JSON; http "
            "or https; "
            "empty: nowhere");
  add_value(app, "events.webhook-secret-file", config.events_web_hook_secret_file,
            "File whose first line signs what is posted: X-Tegrascope-Signature, HMAC-SHA256");
  add_value(app, "storage.path", config.storage_path,
            "Directory for what outlives the agent (lifetime ledger, what was learned, incidents); none: "
            "keep nothing; auto: $STATE_DIRECTORY "
            "(systemd), /var/lib/tegrascope for root, else $XDG_STATE_HOME/tegrascope or "
            "~/.local/state/tegrascope, and nothing while --path.procfs is another machine's");
  add_value(
      app, "record", config.record,
      "Write all that is observed to this file, for `tegrascope simulate --replay`; no prompt, no answer, no "
      "client address; empty: nothing");
  add_value(app, "recording.max-bytes", config.record_max_bytes, "Most bytes of the recording; then it ends");

  add_value(app, "log.level", config.log_level, "Least severity to log: debug, info, warn, error")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  add_value(app, "log.format", config.log_format, "Form of the log lines: logfmt, json")
      ->check(CLI::IsMember({"logfmt", "json"}));
}

void inspect_arguments(std::function<void(const CLI::App&)> inspect) { inspector = std::move(inspect); }

int parse_arguments(CLI::App& app, int argc, const char* const* argv) {
  if (inspector) {
    inspector(app);
    return 0;
  }
  const auto fail = [&app](const std::string& message) {
    std::cerr << app.get_name() << ": " << message << '\n';
    return 2;
  };
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ExtrasError&) {
    return fail(unknown_flag_message(app));
  } catch (const CLI::Error& e) {
    return fail(e.what());
  } catch (const std::invalid_argument&) {
    // Only flags without a value of their own are converted by the library itself.
    return fail("a switch takes true or false, as in --collector.gpu=false or [collector] gpu = false");
  } catch (const std::exception& e) {
    return fail(e.what());
  }
  return -1;
}

}  // namespace tegrascope
