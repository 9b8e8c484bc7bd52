"""Can the other three be trusted?"""
import annotations
from grafana import GREY, dashboard, row, stat, state_timeline, timeseries, value_texts

SOURCES = [
    state_timeline("Collectors", "Whether each collector's last read worked, on all of the selected boards. A collector that is not here has nothing to read on "
                   "this board. Down: `tegrascope read` on the board says which file, and what would mend it.",
                   "min by (collector) (tegrascope_collector_up{S})", "{{collector}}",
                   mappings=value_texts({0: ("down", "red"), 1: ("up", "green")}), height=12),
    timeseries("Sample errors", "Sensors that could not be read, by reason. permission: docs/permissions.md says what grants it.",
               [("sum by (collector, reason) (rate(tegrascope_sample_errors_total{S}[RI])) > 0", "{{collector}} {{reason}}")],
               "cps", no_value="no errors"),
    timeseries("Sensors without a value", "Sensors that said that they have none now, as those of a powered-off block do. No error.",
               [("sum by (collector) (tegrascope_sensors_unavailable{S}) > 0", "{{collector}}")], "none", decimals=0,
               no_value="every sensor has a value"),
    timeseries("Missed slots", "Share of the sampling slots that were missed. Normal: 0. Otherwise the agent gets too little CPU and "
               "figures of short requests are rough.",
               [("sum by (collector) (rate(tegrascope_sample_gaps_total{S}[RI])) / "
                 "(sum by (collector) (rate(tegrascope_samples_total{S}[RI])) > 0)", "{{collector}}")], "percentunit"),
    timeseries("Time to take a sample", "Mean of each collector. Slow: a sensor's bus is busy.",
               [("sum by (collector) (rate(tegrascope_sample_duration_seconds_total{S}[RI])) / "
                 "(sum by (collector) (rate(tegrascope_samples_total{S}[RI])) > 0)", "{{collector}}")], "s"),
]

SEEN = [
    timeseries("Busy time by witness", "Busy time of Ollama's runners. exact: the request was seen, by relay or capture. none: only "
               "the work was seen; such requests have no tokens.",
               [("sum by (witness) (rate(tegrascope_ollama_busy_seconds_total{S}[RI]))", "{{witness}}")], "none",
               stack="normal", colors={"exact": "green", "none": "orange"}),
    timeseries("Verdicts withheld", "Share of the requests without a verdict. Short answers have none. Above 90 % for an hour on a "
               "busy board, a fall-back to the CPU would go unseen.",
               [("sum by (model) (rate(tegrascope_placement_verdicts_total{SM,placement=\"unknown\"}[RI])) / "
                 "(sum by (model) (rate(tegrascope_placement_verdicts_total{SM}[RI])) > 0)", "{{model}}")], "percentunit",
               high=1),
    timeseries("Unexplained GPU time", "Busy time of the GPU that no request explains. bypass above 0.1: clients go around the "
               "relay, or a witness is missing.",
               [("sum by (reason) (rate(tegrascope_unattributed_gpu_seconds_total{S}[RI]))", "{{reason}}")], "none",
               stack="normal", colors={"idle": GREY, "other": "purple", "bypass": "orange"}),
    timeseries("Unreadable answers", "Answers whose figures could not be read. Their requests count, without tokens.",
               [("sum by (reason) (rate(tegrascope_observation_errors_total{S}[RI]))", "{{reason}}")], "cps"),
    timeseries("Loads failed and runners lost", "As Ollama's log tells. Killed: out of memory. Crashed: see the log.",
               [("sum by (reason) (increase(tegrascope_model_load_failures_total{S}[RI])) > 0", "load failed: {{reason}}"),
                ("sum by (reason) (increase(tegrascope_runner_exits_total{S}[RI]))", "runner {{reason}}")], "none",
               bars=True, decimals=0, no_value="no log is followed"),
    timeseries("Capture", "Packets read, and those that the kernel dropped or that were missing: requests with a hole have no figures.",
               [("sum by (instance) (rate(tegrascope_capture_packets_total{S}[RI]))", "read {{instance}}"),
                ("sum by (instance) (rate(tegrascope_capture_dropped_packets_total{S}[RI]))", "dropped {{instance}}"),
                ("sum by (instance) (rate(tegrascope_capture_gaps_total{S}[RI]))", "holes {{instance}}")],
               "pps", no_value="the capture is not on"),
]

RELAY = [
    timeseries("Relay traffic", "Bytes from clients (in) and to them (out).",
               [("sum by (direction) (rate(tegrascope_relay_bytes_total{S}[RI]))", "{{direction}}")], "Bps",
               no_value="no relay", width=8),
    timeseries("Relay connections", "Client connections now open.",
               [("sum by (instance) (tegrascope_relay_connections{S})", "{{instance}}")], "none", decimals=0,
               no_value="no relay", width=8),
    timeseries("Relay refusals", "Requests not passed on and connections closed at the limit. host: the client's name for this board is "
               "not allowed. guard: an administrative route. docs/relay.md explains each.",
               [("sum by (reason) (rate(tegrascope_relay_refused_requests_total{S}[RI]))", "{{reason}}"),
                ("sum by (reason) (rate(tegrascope_relay_closed_connections_total{S}[RI]))", "connections: {{reason}}"),
                ("sum(rate(tegrascope_relay_unobserved_connections_total{S}[RI]))", "connections: unobserved")], "cps",
               no_value="no relay", width=8),
]

COST = [
    timeseries("Agent CPU", "Share of one core.", [("rate(process_cpu_seconds_total{S}[RI])", "{{instance}}")], "percentunit"),
    timeseries("Agent memory", "Resident.", [("process_resident_memory_bytes{S}", "{{instance}}")], "bytes"),
    timeseries("Energy not booked yet", "Joules that wait for the request they belong to. It returns to near 0 between requests.",
               [("sum by (instance) (tegrascope_pending_energy_joules{S})", "{{instance}}")], "joule"),
    timeseries("Open files", "Of the agent, and its limit.",
               [("process_open_fds{S}", "open {{instance}}"), ("process_max_fds{S}", "limit {{instance}}")], "none",
               scale={"type": "log", "log": 10}, low=None),
    stat("Label values folded", "Label values counted as other in the time range, because there were too many. Normal: 0.",
         "sum(increase(tegrascope_label_overflow_total{S}[RANGE]))", "none", thresholds=[(None, "green"), (1, "yellow")],
         decimals=0, width=6),
    stat("Events lost", "Events lost inside the agent in the time range, because a queue was full. Normal: 0.",
         "sum(increase(tegrascope_events_dropped_total{S}[RANGE]))", "none", thresholds=[(None, "green"), (1, "red")],
         decimals=0, width=6),
    stat("Version", "Of the agent; with several, one of them.", "tegrascope_build_info{S}", "none", label="version", width=6),
    stat("Running for", "Time since the agent started; of several, the one started last. Counters begin at 0 then.",
         "time() - max(process_start_time_seconds{S})", "s", decimals=0, width=6),
]

DASHBOARD = dashboard(
    "tegrascope-agent", "tegrascope / Agent and data quality", "Can the other three be trusted?",
    [row("Sources"), *SOURCES, row("What was seen"), *SEEN, row("Relay"), *RELAY, row("The agent itself"), *COST],
    annotations.ALL)
