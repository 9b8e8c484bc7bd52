#!/bin/sh
# The shipped units as systemd reads them: no complaint, alone and with each drop-in, and an exposure of at most 2.0.
# Usage: units.sh BUILD_DIRECTORY PREFIX SOURCE_DIRECTORY
set -eu
build=$1 prefix=$2 source=$3
command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze (package systemd)"; exit 77; }
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
failed=0
fail() { echo "FAIL: $*"; failed=1; }

DESTDIR=$root cmake --install "$build" >"$root/install.log" || { cat "$root/install.log"; exit 1; }
units=$root$prefix/lib/systemd/system
drop_ins=$root$prefix/share/tegrascope/systemd

# verify wants the programs to exist where the unit names them.
sed "s|^ExecStart=|ExecStart=$root|" "$units/tegrascope.service" >"$root/tegrascope.service"
cp "$units"/*.socket "$root"
chmod -R a+rX "$root"

verify() {
  complaints=$(cd "$root" && systemd-analyze verify --man=no ./tegrascope.service ./tegrascope.socket ./tegrascope-relay.socket 2>&1) ||
    fail "$1: systemd-analyze verify fails"
  # Units of this machine, which verify loads as well, are not ours to judge.
  complaints=$(printf '%s\n' "$complaints" | grep -i tegrascope || true)
  [ -z "$complaints" ] || fail "$1: $complaints"
}

verify "base unit"
mkdir "$root/tegrascope.service.d"
for drop_in in "$drop_ins"/*.conf; do
  cp "$drop_in" "$root/tegrascope.service.d/"
  verify "$(basename "$drop_in")"
  # Of the drop-ins by itself; they widen what the base unit closes, but not to root.
  systemd-analyze security --offline=true "$root/tegrascope.service" | sed -n "s|^.*Overall exposure level[^:]*: *\([0-9.]*\).*|exposure with $(basename "$drop_in"): \1|p"
  rm "$root/tegrascope.service.d/$(basename "$drop_in")"
done
cp "$drop_ins"/*.conf "$root/tegrascope.service.d/"
verify "all drop-ins together"
rm -r "$root/tegrascope.service.d"

# The threshold is ten times the exposure.
systemd-analyze security --offline=true --threshold=20 "$root/tegrascope.service" >"$root/security" ||
  { cat "$root/security"; fail "the exposure of the base unit is over 2.0"; }
tail -1 "$root/security"

# A wrong key must be told, or the checks above say nothing.
echo "NoSuchKey=1" >>"$root/tegrascope.service"
(cd "$root" && systemd-analyze verify --man=no ./tegrascope.service 2>&1 || true) | grep -q NoSuchKey ||
  fail "systemd-analyze verify tells no unknown key: this test cannot fail"
exit $failed
