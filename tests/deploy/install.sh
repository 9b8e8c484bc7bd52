#!/bin/sh
# `cmake --install` puts all in place, and the installed program runs.
# Usage: install.sh BUILD_DIRECTORY PREFIX SOURCE_DIRECTORY
set -eu
build=$1 prefix=$2 source=$3
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

DESTDIR=$root cmake --install "$build" >"$root/install.log" || { cat "$root/install.log"; exit 1; }
at=$root$prefix

for file in bin/tegrascope lib/systemd/system/tegrascope.service lib/systemd/system/tegrascope.socket \
  lib/systemd/system/tegrascope-relay.socket share/tegrascope/systemd/capture.conf \
  share/tegrascope/systemd/evidence.conf share/tegrascope/systemd/nvml.conf share/tegrascope/systemd/debugfs.conf \
  share/tegrascope/prometheus/prometheus.yml share/tegrascope/scenarios/short.jsonc \
  share/tegrascope/capture-board.sh share/doc/tegrascope/README.md share/doc/tegrascope/deploy.md \
  share/bash-completion/completions/tegrascope share/zsh/site-functions/_tegrascope \
  share/fish/vendor_completions.d/tegrascope.fish; do
  [ -s "$at/$file" ] || fail "not installed: $file"
done
# Each shipped file of these folders, whatever is in them.
for folder in prometheus alertmanager grafana; do
  [ -d "$source/deploy/$folder" ] || continue
  (cd "$source/deploy" && find "$folder" -type f) | while read -r file; do
    [ -s "$at/share/tegrascope/$file" ] || echo "FAIL: not installed: $file"
  done >"$root/missing"
  [ ! -s "$root/missing" ] || { cat "$root/missing"; failed=1; }
done
# No link of an installed document to another goes nowhere.
for document in $(find "$at/share/doc/tegrascope" -name '*.md'); do
  for link in $(grep -o '](\([a-zA-Z0-9_./-]*\.md\)' "$document" | sed 's/^](//'); do
    case $link in CONTRIBUTING.md) continue ;; esac
    [ -e "$(dirname "$document")/$link" ] || fail "${document#"$root"} links to $link, which is not installed"
  done
done

config=$(find "$root" -name tegrascope.toml)
[ -n "$config" ] || fail "no configuration file"
grep -q -- "--config.file=${config#"$root"}$" "$at/lib/systemd/system/tegrascope.service" ||
  fail "the unit names another configuration than $config"
grep -q "^ExecStart=$prefix/bin/tegrascope run " "$at/lib/systemd/system/tegrascope.service" ||
  fail "the unit starts another program than $prefix/bin/tegrascope"

"$at/bin/tegrascope" --version || fail "--version"
"$at/bin/tegrascope" check-config --config.file="$config" || fail "the shipped configuration is wrong"
# The comments are keys too: each must be one that the agent knows.
sed 's/^# \(\[\|[a-z-]* = \)/\1/' "$config" >"$root/all.toml"
"$at/bin/tegrascope" check-config --config.file="$root/all.toml" || fail "a key in the comments of the configuration is wrong"
(cd / && "$at/bin/tegrascope" simulate --scenario=short >"$root/simulated") || fail "simulate finds no installed scenario"

# An update keeps the owner's configuration.
echo 'log.level = "warn"' >"$config"
DESTDIR=$root cmake --install "$build" >"$root/install.log"
grep -q '"warn"' "$config" || fail "a second install has replaced the configuration"
exit $failed
