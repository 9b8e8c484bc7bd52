"""What is the hardware doing?"""
import annotations
from grafana import DASHED, by_pattern, dashboard, fixed, row, stat, state_timeline, timeseries, value_texts

_ON_OFF = value_texts({0: ("off", "rgba(142, 142, 142, 0.25)"), 1: ("on", "green")})

IDENTITY = [
    stat("Board", "Module of the board. With several boards selected: one of them.", "tegrascope_board_info{S}", "none",
         label="module", width=6, no_value="no agent"),
    stat("JetPack", "JetPack release, told from the L4T release.", "tegrascope_board_info{S}", "none", label="jetpack",
         width=3, no_value="unknown"),
    stat("L4T", "Release of Linux for Tegra.", "tegrascope_board_info{S}", "none", label="l4t", width=3, no_value="unknown"),
    stat("Power mode", "Power mode in force (nvpmodel). A lower mode means slower decode: compare rates within one mode.",
         "tegrascope_nvpmodel_info{S}", "none", label="name", width=4, no_value="no nvpmodel"),
    stat("Clocks", "Locked: jetson_clocks holds the clocks at one value. Idle then draws more.", "max(tegrascope_clocks_locked{S})",
         "none", mappings=value_texts({0: ("scale with load", "text"), 1: ("locked", "blue")}), width=4,
         no_value="unknown"),
    stat("Up for", "Time since the board booted; of several boards, the one booted last.",
         "time() - max(tegrascope_boot_time_seconds{S})", "s", width=4, no_value="unknown", decimals=0),
]

COMPUTE = [
    timeseries("GPU busy", "Share of the time in which the GPU had work: a duty cycle, not efficiency. Near 100 % while a model "
               "decodes on the GPU. Absent where the driver does not tell.",
               [("sum by (instance, gpu) (rate(tegrascope_gpu_busy_seconds_total{S}[RI]))", "{{instance}} GPU {{gpu}}")],
               "percentunit", high=1),
    timeseries("GPU clock and limit", "Clock of the GPU and the highest that the power mode allows. Clock below the limit under "
               "load: throttling.",
               [("tegrascope_gpu_frequency_hertz{S}", "clock {{instance}}"),
                ("tegrascope_gpu_frequency_max_hertz{S}", "limit {{instance}}")],
               "hertz", overrides=[by_pattern("/^limit/", custom_lineStyle=DASHED)]),
    timeseries("CPU by mode", "Share of all cores, by mode; idle is left out. One core busy is normal while the GPU decodes. "
               "All of them: decode on the CPU, or another program.",
               [("sum by (mode) (rate(tegrascope_cpu_seconds_total{S,mode!=\"idle\"}[RI])) / "
                 "scalar(count(count by (instance, cpu) (tegrascope_cpu_online{S})))", "{{mode}}")],
               "percentunit", stack="normal", high=1),
    timeseries("CPU clocks", "Lowest and highest clock of the cores that are online, and the limit in force.",
               [("max by (instance) (tegrascope_cpu_frequency_hertz{S})", "highest {{instance}}"),
                ("min by (instance) (tegrascope_cpu_frequency_hertz{S})", "lowest {{instance}}"),
                ("max by (instance) (tegrascope_cpu_frequency_max_hertz{S})", "limit {{instance}}")],
               "hertz", overrides=[by_pattern("/^limit/", custom_lineStyle=DASHED)]),
    timeseries("Memory controller busy", "Share of the memory bus's bandwidth in use: what limits decode. Needs root (debugfs) "
               "up to Orin: docs/permissions.md.",
               [("sum by (instance) (rate(tegrascope_emc_busy_seconds_total{S}[RI]))", "{{instance}}")],
               "percentunit", high=1, no_value="needs root: see docs/permissions.md"),
    timeseries("Memory traffic and peak", "Bytes moved, an estimate (utilization times clock times bus width), and what the bus can "
               "carry at its highest clock.",
               [("sum by (instance) (rate(tegrascope_emc_transferred_bytes_total{S}[RI]))", "traffic {{instance}}"),
                ("tegrascope_emc_peak_bytes_per_second{S}", "peak {{instance}}")],
               "Bps", overrides=[by_pattern("/^peak/", custom_lineStyle=DASHED)],
               no_value="needs root: see docs/permissions.md"),
    state_timeline("Engines", "Video and vision engines that are clocked. They share memory bandwidth and power with inference.",
                   "tegrascope_engine_on{S}", "{{engine}} {{instance}}", mappings=_ON_OFF,
                   no_value="needs root: see docs/permissions.md", width=12, height=8),
    timeseries("Cores online", "Power modes switch cores off.",
               [("sum by (instance) (tegrascope_cpu_online{S})", "{{instance}}")], "none", decimals=0),
]

MEMORY = [
    timeseries("Shared memory by kind", "CPU and GPU share one memory; the kinds add up to all of it. Models are in gpu, or in anon "
               "and cache when they run on the CPU.",
               [("sum by (kind) (tegrascope_memory_bytes{S})", "{{kind}}")], "bytes", stack="normal",
               colors={"gpu": "green", "anon": "orange", "cache": "blue", "kernel": "purple", "free": "#8e8e8e"}),
    timeseries("Available and largest free block", "Memory to be had without swapping. A small largest block on a board with memory "
               "to spare: fragmented, and the next load may fail or go to the CPU.",
               [("tegrascope_memory_available_bytes{S}", "available {{instance}}"),
                ("tegrascope_memory_largest_free_block_bytes{S}", "largest block {{instance}}")], "bytes"),
    timeseries("Swap traffic", "Read back (up) and written (down). Traffic while a model decodes makes it many times slower.",
               [("sum by (instance) (rate(tegrascope_swap_in_bytes_total{S}[RI]))", "in {{instance}}"),
                ("-sum by (instance) (rate(tegrascope_swap_out_bytes_total{S}[RI]))", "out {{instance}}")], "Bps", low=None),
    timeseries("Swap in use", "By kind. Full zram on a small board comes before the out-of-memory killer.",
               [("sum by (instance, kind) (tegrascope_swap_used_bytes{S})", "{{kind}} {{instance}}")], "bytes"),
    timeseries("Stalled on memory", "Share of the time in which some tasks, or all of them (full), waited for memory (PSI). "
               "Normal: 0.",
               [("sum by (instance, kind) (rate(tegrascope_memory_stalled_seconds_total{S}[RI]))", "{{kind}} {{instance}}")],
               "percentunit"),
    timeseries("Processes killed for memory", "By the kernel's out-of-memory killer. A killed runner ends its requests.",
               [("sum by (instance) (increase(tegrascope_oom_kills_total{S}[RI]))", "{{instance}}")], "none", bars=True,
               decimals=0),
]

POWER = [
    timeseries("Power by rail", "Mean power of each rail. Rails overlap (VDD_IN holds the others): never add them. "
               "board: each watt counted once.",
               [("sum by (rail) (rate(tegrascope_rail_energy_joules_total{S}[RI]))", "{{rail}}"),
                ("sum(rate(tegrascope_board_energy_joules_total{S}[RI]))", "board")], "watt",
               overrides=[by_pattern("/^board$/", color=fixed("text"), custom_lineStyle=DASHED)]),
    timeseries("Temperatures and trip points", "Zones of the board, and where it begins to throttle and shuts down (dashed).",
               [("max by (zone) (tegrascope_temperature_celsius{S})", "{{zone}}"),
                ("min by (trip) (tegrascope_temperature_trip_celsius{S})", "{{trip}} trip")], "celsius", low=None,
               overrides=[by_pattern("/throttle trip/", custom_lineStyle=DASHED, color=fixed("orange")),
                          by_pattern("/shutdown trip/", custom_lineStyle=DASHED, color=fixed("red"))]),
    timeseries("Throttled", "Share of the time with clocks held down: by heat, or by over-current (an upper bound: each "
               "sample with an event counts whole). A healthy Orin Nano Super shows over-current all day.",
               [("sum by (instance, reason) (rate(tegrascope_throttled_seconds_total{S}[RI]))", "{{reason}} {{instance}}")],
               "percentunit", high=1),
    timeseries("Throttle events", "oc1: under-voltage, mend the supply. oc2, oc3: current limits, common on an Orin Nano "
               "Super. thermal: heat.",
               [("sum by (instance, source) (increase(tegrascope_throttle_events_total{S}[RI]))", "{{source}} {{instance}}")],
               "none", bars=True, stack="normal", decimals=0),
    timeseries("Fan duty", "Drive of the fan.",
               [("tegrascope_fan_duty_ratio{S}", "{{instance}} fan {{fan}}")], "percentunit", high=1, no_value="no fan"),
    timeseries("Fan speed", "Where the fan has a tachometer. 0 while it is driven: blocked or unplugged.",
               [("tegrascope_fan_speed_rpm{S}", "{{instance}} fan {{fan}}")], "rotrpm", no_value="no tachometer"),
    timeseries("Cooling devices", "State of each cooling device as a share of its highest: clocks held down, and the fan.",
               [("tegrascope_cooling_device_state{S} / (tegrascope_cooling_device_max_state{S} > 0)",
                 "{{type}} {{device}} {{instance}}")], "percentunit", high=1),
    timeseries("Rail voltage", "A sagging VDD_IN under load: a weak supply.",
               [("tegrascope_rail_voltage_volts{S}", "{{rail}} {{instance}}")], "volt", low=None),
]

DASHBOARD = dashboard(
    "tegrascope-board", "tegrascope / Board", "What is the hardware doing?",
    [row("Identity"), *IDENTITY, row("Compute"), *COMPUTE, row("Memory"), *MEMORY, row("Power and heat"), *POWER],
    annotations.ALL)
