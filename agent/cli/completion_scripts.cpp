#include "agent/cli/completion_scripts.hpp"

#include <fmt/format.h>

#include <string_view>

namespace tegrascope {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

// `text` with a backslash before each of `special`.
std::string escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (const char c : text) {
    if (special.find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

// In single quotes, for bash and zsh.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// fish has escapes inside single quotes.
std::string fish_quoted(std::string_view text) { return "'" + escaped(text, "\\'") + "'"; }

std::string zsh_description(std::string_view text) { return escaped(text, "\\[]:"); }

}  // namespace

std::string bash_completion(const std::vector<CommandDescription>& commands) {
  std::string names;
  std::string values;       // flags with a list of right values
  std::string free_values;  // flags whose value may be anything
  std::string all;
  for (const CommandDescription& command : commands) {
    names += (names.empty() ? "" : " ") + command.name;
    std::string flags = joined(command.words);
    for (const FlagDescription& flag : command.flags) {
      flags += " " + joined(flag.names);
      if (!flag.takes_value) continue;
      const std::string pattern = quoted(command.name + " " + flag.names.front());
      if (flag.choices.empty()) {
        free_values += (free_values.empty() ? "" : " | ") + pattern;
      } else {
        values += fmt::format("    {}) words={} ;;\n", pattern, quoted(joined(flag.choices)));
      }
    }
    all += fmt::format("        {}) words={} ;;\n", command.name, quoted(flags));
  }
  // Readline splits words at "=". Without a match it completes file names (-o default).
  return fmt::format(R"(_tegrascope() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} flag= words=
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W {} -- "$cur"))
    return
  fi
  if [[ $cur == = ]]; then
    flag=$prev cur=
  elif [[ $prev == = ]]; then
    flag=${{COMP_WORDS[COMP_CWORD-2]}}
  else
    flag=$prev
  fi
  case "${{COMP_WORDS[1]}} $flag" in
{}    {}) return ;;
    *)
      case ${{COMP_WORDS[1]}} in
{}      esac
      ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _tegrascope tegrascope
)",
                     quoted(names), values, free_values.empty() ? "''" : free_values, all);
}

std::string zsh_completion(const std::vector<CommandDescription>& commands) {
  std::string names;
  std::string cases;
  for (const CommandDescription& command : commands) {
    names += "    " + quoted(escaped(command.name, ":") + ":" + command.summary) + "\n";
    cases += "    " + command.name + ")\n      _arguments";
    for (const FlagDescription& flag : command.flags) {
      for (const std::string& name : flag.names) {
        std::string spec = (flag.repeats ? "*" : "") + name + (flag.takes_value ? "=" : "") + "[" +
                           zsh_description(flag.help) + "]";
        if (flag.takes_value) {
          spec += ":value:" + (flag.choices.empty() ? "_files" : "(" + joined(flag.choices) + ")");
        }
        cases += " \\\n        " + quoted(spec);
      }
    }
    cases += " \\\n        " +
             quoted("*:argument:" + (command.words.empty() ? "_files" : "(" + joined(command.words) + ")")) +
             "\n      ;;\n";
  }
  return fmt::format(R"(#compdef tegrascope
_tegrascope() {{
  local -a commands
  commands=(
{}  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  ((CURRENT--))
  shift words
  case $words[1] in
{}  esac
}}
if [[ $funcstack[1] == _tegrascope ]]; then
  _tegrascope "$@"
else
  compdef _tegrascope tegrascope
fi
)",
                     names, cases);
}

std::string fish_completion(const std::vector<CommandDescription>& commands) {
  std::string out = "complete -c tegrascope -n __fish_use_subcommand -f\n";
  for (const CommandDescription& command : commands) {
    out += fmt::format("complete -c tegrascope -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       fish_quoted(command.summary));
  }
  for (const CommandDescription& command : commands) {
    const std::string here =
        "complete -c tegrascope -n " + fish_quoted("__fish_seen_subcommand_from " + command.name);
    if (!command.words.empty()) out += here + " -a " + fish_quoted(joined(command.words)) + "\n";
    for (const FlagDescription& flag : command.flags) {
      for (const std::string& name : flag.names) {
        out += here + " -l " + name.substr(2);
        if (!flag.choices.empty()) {
          out += " -x -a " + fish_quoted(joined(flag.choices));
        } else if (flag.takes_value) {
          out += " -r";
        }
        out += " -d " + fish_quoted(flag.help) + "\n";
      }
    }
  }
  return out;
}

}  // namespace tegrascope
