#!/bin/bash
# The completion scripts of the program: right for their shells, complete, and bash completes as a user types.
# Usage: completion.sh PROGRAM
set -eu
program=$1
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

for shell in bash zsh fish; do
  "$program" completion $shell >"$scratch/$shell"
  # Every command that --help lists, and every flag of `run`.
  for command in $("$program" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z-]*\) .*/\1/p'); do
    grep -q -- "$command" "$scratch/$shell" || fail "$shell does not complete the command $command"
  done
done
for flag in $("$program" run --help | grep -o -- '--[a-z][a-z.-]*' | sort -u); do
  grep -q -- "$flag" "$scratch/bash" || fail "bash does not complete $flag"
  grep -q -- "$flag" "$scratch/zsh" || fail "zsh does not complete $flag"
  grep -q -- "-l ${flag#--} " "$scratch/fish" || fail "fish does not complete $flag"
done

if command -v zsh >/dev/null; then zsh -n "$scratch/zsh" || fail "zsh cannot parse its script"; else echo "no zsh: its script is not parsed"; fi
if command -v fish >/dev/null; then fish --no-execute "$scratch/fish" || fail "fish cannot parse its script"; else echo "no fish: its script is not parsed"; fi

. "$scratch/bash"
# completes WORD... : what bash offers for the last word; "=" is a word of its own, as in readline.
completes() {
  COMP_WORDS=(tegrascope "$@")
  COMP_CWORD=$#
  _tegrascope
  echo "${COMPREPLY[*]-}"
}
expect() {
  want=$1
  shift
  got=$(completes "$@")
  [ "$got" = "$want" ] || fail "'tegrascope $*' completes to '$got', not '$want'"
}
expect "check-config" che
expect "--log.level --log.format" run --log.
expect "debug" run --log.level = d
expect "debug info warn error" run --log.level =
expect "warn" run --log.level w
expect "ollama openai" decode exchange --upstream.kind ""
expect "" run --config.file /et
expect "tegrastats" decode teg
expect "--no-collector.cpu --no-collector.cooling" run --no-collector.c
exit $failed
