#!/bin/sh
# Copies what tegrascope's collectors read on this board into a directory, as a tree for --path.rootfs or for
# tests/fixtures. Needs no root; as root it has more (memory controller, engines). Changes nothing on the board.
#
# Serial number, MAC addresses, host name and home directories are scrubbed; of processes only Ollama's are
# copied. Look through the result before you send it to anybody.
set -eu

usage() {
  cat <<'HELP'
Usage: capture-board.sh [--root DIR] OUTPUT

  OUTPUT       directory to create, for example ./orin-nano-r36
  --root DIR   read the board's files below DIR instead of / (a container that has the host's root mounted)
HELP
}

die() {
  printf 'capture-board: %s\n' "$*" >&2
  exit 1
}

root=
while [ $# -gt 0 ]; do
  case $1 in
    --root)
      [ $# -ge 2 ] || die "--root needs a directory"
      root=${2%/}
      shift
      ;;
    -h | --help) usage && exit 0 ;;
    -*) usage >&2 && exit 2 ;;
    *) break ;;
  esac
  shift
done
[ $# -eq 1 ] || { usage >&2 && exit 2; }
out=$1
[ ! -e "$out" ] || die "$out exists; name a directory that does not"
mkdir -p "$out"
LC_ALL=C
export LC_ALL

# Literal text as a pattern of sed.
quote() { printf '%s' "$1" | sed 's/[][\.*^$+?(){}|/&]/\\&/g'; }

serial=$( (tr -d '\0\n' <"$root/sys/firmware/devicetree/base/serial-number") 2>/dev/null || true)
host=$( (tr -d '\n' <"$root/proc/sys/kernel/hostname") 2>/dev/null || true)
rules='s/([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}/00:00:00:00:00:00/g; s#/home/[^/[:space:]]+#/home/user#g'
[ "${#serial}" -lt 6 ] || rules="$rules; s/$(quote "$serial")/0000000000000/g"
# Of command lines: no keys, no addresses, no folders but the system's and Ollama's.
process_rules="$rules; /^--api-key(-file)?\$/{n;s/.*/scrubbed/;}; s/^(--api-key(-file)?=).*/\\1scrubbed/"
process_rules="$process_rules; s#^/(root|mnt|media|srv|data)/.*/#/\\1/#; s/([0-9]{1,3}\.){3}[0-9]{1,3}/127.0.0.1/g"
[ "${#host}" -lt 2 ] || process_rules="$rules; s/$(quote "$host")/host/g"

unread=0
# save PATH RULES: PATH is below the root. A file that cannot be read (powered off, no permission) is noted.
save() {
  [ -f "$root/$1" ] || return 0
  mkdir -p "$out/$(dirname "$1")"
  if reason=$( { cat "$root/$1" >"$out/.reading"; } 2>&1); then
    if [ "$(tr -d '\0' <"$out/.reading" | wc -c)" -eq "$(wc -c <"$out/.reading")" ]; then
      sed -E "$2" "$out/.reading" >"$out/$1"
    else # a list of strings, each ended by NUL
      tr '\0' '\n' <"$out/.reading" | sed -E "$2" | tr '\n' '\0' >"$out/$1"
    fi
  else
    printf '%s: %s\n' "$1" "${reason##*: }" >>"$out/UNREAD.txt"
    unread=$((unread + 1))
  fi
}

# copy PATTERN...: every file below the root that a pattern names.
copy() {
  for pattern in "$@"; do
    for file in "$root"/$pattern; do
      save "${file#"$root"/}" "$rules"
    done
  done
}

# Identity and power mode. nvpmodel.conf is a link whose target is below the root.
copy sys/firmware/devicetree/base/model sys/firmware/devicetree/base/compatible \
  etc/nv_tegra_release proc/sys/kernel/osrelease var/lib/nvpmodel/status
conf=etc/nvpmodel.conf
if [ -L "$root/$conf" ]; then
  target=$(readlink "$root/$conf")
  case $target in
    /*) target=${target#/} ;;
    *) target=etc/$target ;;
  esac
  copy "$target"
  if [ -f "$out/$target" ]; then mv "$out/$target" "$out/$conf"; fi
else
  copy "$conf"
fi

# Linux
copy proc/stat proc/meminfo proc/swaps proc/vmstat proc/buddyinfo proc/pressure/memory
copy sys/devices/system/cpu/present sys/devices/system/cpu/online \
  'sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_[cm]*_freq'
for folder in "$root"/proc/[0-9]*; do
  if tr '\0' ' ' <"$folder/cmdline" 2>/dev/null | grep -Eq '(^|/)(ollama|llama-server|ollama_llama_server)( |$)'; then
    pid=${folder##*/}
    save "proc/$pid/cmdline" "$process_rules"
    save "proc/$pid/stat" "$process_rules"
  fi
done

# GPU
copy 'sys/class/devfreq/*/[cm]*_freq' 'sys/class/devfreq/*/device/of_node/name' 'sys/class/devfreq/*/device/load' \
  'sys/class/devfreq/*/device/power/runtime_status'
for folder in devices/gpu.0 devices/platform/gpu.0 devices/platform/17000000.gv11b devices/platform/17000000.ga10b \
  devices/platform/17000000.gpu devices/platform/bus@0/17000000.gpu devices/57000000.gpu devices/17000000.gp10b; do
  copy "sys/$folder/load" "sys/$folder/power/runtime_status" "sys/$folder/devfreq/*/[cm]*_freq"
done

# Rails, fan, over-current
copy 'sys/class/hwmon/*/name'
for folder in "$root"/sys/class/hwmon/* "$root"/sys/bus/i2c/drivers/ina3221/*/hwmon/*; do
  path=${folder#"$root"/}
  case $(cat "$folder/name" 2>/dev/null || true) in
    ina3221 | ina238)
      copy "$path/name" "$path/in[1-3]_label" "$path/in[1-3]_input" "$path/curr[1-3]_input" "$path/power1_input" \
        "$path/samples" "$path/update_interval"
      ;;
    pwmfan* | pwm-fan | *tach*) copy "$path/pwm1" "$path/fan1_input" "$path/rpm" ;;
    soctherm_oc) copy "$path/oc[1-3]_event_cnt" "$path/oc[1-3]_throt_en" ;;
  esac
done
copy 'sys/bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_[0-2]' \
  'sys/bus/i2c/drivers/ina3221x/*/iio:device*/in_[vcp]*[0-2]_input'
copy sys/devices/pwm-fan/target_pwm sys/devices/pwm-fan/rpm_measured

# Heat
copy 'sys/class/thermal/thermal_zone*/type' 'sys/class/thermal/thermal_zone*/temp' \
  'sys/class/thermal/thermal_zone*/trip_point_*_type' 'sys/class/thermal/thermal_zone*/trip_point_*_temp' \
  'sys/class/thermal/cooling_device*/type' 'sys/class/thermal/cooling_device*/cur_state' \
  'sys/class/thermal/cooling_device*/max_state'

# Memory controller and engines: root
copy sys/kernel/actmon_avg_activity/mc_all sys/kernel/debug/cactmon/mc_all \
  sys/kernel/debug/bpmp/debug/actmon/mc_all_avg_activity 'sys/kernel/debug/bpmp/debug/clk/emc/*rate' \
  'sys/kernel/debug/tegra_bwmgr/emc_*rate' sys/kernel/debug/clk/override.emc/clk_rate
for engine in nvenc nvdec nvjpg msenc vic ofa se ape; do
  copy "sys/kernel/debug/clk/$engine/clk_[re]*" "sys/kernel/debug/clk/$engine[0-9]/clk_[re]*"
done
copy 'sys/kernel/debug/clk/dla[0-9]_core/clk_[re]*' 'sys/kernel/debug/clk/pva[0-9]_vps/clk_[re]*'

# A file that did not give a value leaves an empty place, not an empty file.
rm -f "$out/.reading"
find "$out" -depth -type d -exec rmdir {} \; 2>/dev/null || true
mkdir -p "$out"

printf 'captured %s files in %s\n' "$(find "$out" -type f | wc -l | tr -d ' ')" "$out"
if [ "$unread" -gt 0 ]; then printf '%s files gave no value: see %s\n' "$unread" "$out/UNREAD.txt"; fi
if [ -z "$root" ] && [ "$(id -u)" -ne 0 ]; then
  printf 'run it as root as well, if you may: then the memory controller and the engines are in it\n'
fi
