#!/bin/sh
# The compose file as Docker reads it: each profile has its services, what it mounts is there, and the image has the
# libraries that the program needs. Usage: compose.sh SOURCE_DIRECTORY PROGRAM
set -eu
source=$1 program=$2
failed=0
fail() { echo "FAIL: $*"; failed=1; }

# Each library of the program, by the Debian package that has it, must be in the image.
if command -v dpkg-query >/dev/null && [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" = bookworm ]; then
  for library in $(objdump -p "$program" | awk '$1 == "NEEDED" { print $2 }'); do
    path=$(ldd "$program" | awk -v l="$library" '$1 == l { print $3 }')
    case $library in libasan* | libubsan* | libtsan*) continue ;; esac
    package=$(dpkg-query -S "$(realpath "$path")" "$path" 2>/dev/null | sed -n '1s/:.*//p')
    grep -q -w -- "$package" "$source/deploy/Dockerfile" || fail "deploy/Dockerfile does not install '$package' ($library)"
  done
else
  echo "not Debian 12: the packages of the image are not compared"
fi

promtool=$(command -v promtool || echo "$source/build/tools/usr/bin/promtool")
if [ -x "$promtool" ]; then
  "$promtool" check config "$source/deploy/prometheus/prometheus.compose.yml" >/dev/null || fail "prometheus.compose.yml"
else
  echo "no promtool: prometheus.compose.yml is not checked"
fi

compose=
tools=$source/build/tools/usr
if docker compose version >/dev/null 2>&1; then
  compose="docker compose"
elif docker-compose version >/dev/null 2>&1; then
  compose=docker-compose
elif [ -x "$tools/libexec/docker/cli-plugins/docker-compose" ]; then
  compose=$tools/libexec/docker/cli-plugins/docker-compose
elif PYTHONPATH=$tools/lib/python3/dist-packages python3 "$tools/bin/docker-compose" version >/dev/null 2>&1; then
  PYTHONPATH=$tools/lib/python3/dist-packages
  export PYTHONPATH
  compose="python3 $tools/bin/docker-compose"
fi
if [ -z "$compose" ]; then
  [ $failed = 0 ] || exit 1
  echo "skipped: no docker compose (Debian: docker-compose; Ubuntu: docker-compose-v2)"
  exit 77
fi

export COMPOSE_PROJECT_NAME=tegrascope
file=$source/deploy/compose.yaml
expect() { # expect SERVICES PROFILE: docker-compose 1.29 lists the services of every profile, so the file is read
  got=$(awk -v p="$2" '/^  [a-z]/ { service = $1 } /^    profiles:/ && $0 ~ "[[ ]" p "[],]" { printf "%s ", service }' "$file")
  [ "$got" = "$1 " ] || fail "profile $2 has '$got', not '$1'"
}
$compose -f "$file" --profile board --profile demo config -q || fail "docker compose config refuses deploy/compose.yaml"
expect "tegrascope:" board
expect "prometheus: alertmanager: grafana:" stack
expect "tegrascope-demo: prometheus: alertmanager: grafana:" demo

# Docker makes an empty directory of a mounted path that is missing, and the program in the container fails.
mounts=$(sed -n 's/^ *- \(\.\/[^:]*\):.*/\1/p' "$file")
[ -n "$mounts" ] || fail "no mounts found: this test cannot fail"
for mount in $mounts; do
  [ -e "$source/deploy/$mount" ] || fail "compose.yaml mounts $mount, which is not there"
done
# A published port without an address would be open to the network.
for port in $(sed -n 's/^ *ports: \["\(.*\)"\]/\1/p' "$file"); do
  case $port in 127.0.0.1:*) ;; *) fail "port $port is published beyond loopback" ;; esac
done
exit $failed
