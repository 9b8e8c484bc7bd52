"""Is inference fast, on the GPU, and why not?"""
import annotations
from grafana import (BURST_INTERVAL, GREY, PHASE_COLORS, PLACEMENT_COLORS, by_name, by_pattern, dashboard, fixed, heatmap,
                     row, stat, state_timeline, table, timeseries, value_texts)

_BY_MODEL = "(job, instance, server, model)"

HEALTH = [
    stat("Models on the CPU", "Models that decode on the CPU, or partly, although they are meant to run on the GPU. Normal: 0. "
         "Otherwise: see which one under \"Where it ran\" and run `tegrascope doctor` on the board.",
         f"sum(max by {_BY_MODEL} (tegrascope_model_placement{{SM,placement=~\"cpu|partial\"}}) * on {_BY_MODEL} "
         "tegrascope_model_gpu_expected{SM})",
         "none", thresholds=[(None, "green"), (1, "red")], no_value="no model seen"),
    stat("Decoded on the CPU", "Share of the judged requests of the time range whose decode ran on the CPU. Normal: 0 %. "
         "Requests too short to judge are left out.",
         "sum(increase(tegrascope_placement_verdicts_total{SM,placement=\"cpu\"}[RANGE])) / "
         "(sum(increase(tegrascope_placement_verdicts_total{SM,placement=~\"gpu|partial|cpu\"}[RANGE])) > 0)",
         "percentunit", thresholds=[(None, "green"), (0.01, "yellow"), (0.5, "red")], no_value="no decode judged",
         decimals=1),
    stat("Decode rate", "Output tokens per second of decode, mean of the time range. Compare it with the same model and power "
         "mode; a third of it is what the CPU of an Orin reaches.",
         "sum(increase(tegrascope_tokens_total{SM,type=\"output\"}[RANGE])) / "
         "(sum(increase(tegrascope_phase_seconds_total{SM,phase=\"decode\"}[RANGE])) > 0)",
         "suffix:tok/s", no_value="no tokens seen", decimals=1),
    stat("Energy per output token", "Joules of the board booked to requests, for each output token, mean of the time range. "
         "The board's idle draw while a request ran is included.",
         "sum(increase(tegrascope_attributed_energy_joules_total{SM}[RANGE])) / "
         "(sum(increase(tegrascope_tokens_total{SM,type=\"output\"}[RANGE])) > 0)",
         "joule", no_value="no tokens seen", decimals=2),
    stat("Board power", "Mean power of the selected boards' modules over the last scrapes, each watt counted once. Carrier "
         "board and supply are not in it.",
         "sum(rate(tegrascope_board_energy_joules_total{S}[RI]))", "watt", no_value="no power sensor", decimals=1),
    stat("First token, p95", "19 of 20 streamed requests of the time range had their first content within this time, cold loads "
         "included. Long prompts, loads and waiting raise it.",
         "histogram_quantile(0.95, sum by (le) (increase(tegrascope_time_to_first_token_seconds_bucket{SM}[RANGE])))",
         "s", no_value="no stream seen"),
]

PLACEMENT = [
    table("Fallbacks now", "Models that are not on the GPU although they are meant to be: the reason as far as the board, Ollama's log and "
          "its processes tell, and the line to type on that board. Normal: none.",
          [("tegrascope_model_fallback_info{SM}", None)], key=["model", "cure", "reason", "instance", "server"], height=5,
          hidden=["__name__", "job"],
          overrides=[by_name("model", custom_width=150), by_name("reason", custom_width=170), by_name("instance", custom_width=150),
                     by_name("server", custom_width=160),
                     by_name("cure", custom_minWidth=300, custom_cellOptions={"type": "auto", "wrapText": True})], no_value="every model is where it is meant to be, or none was seen"),
    state_timeline("Placement: observed", "Where each model's decode ran, as the hardware shows: GPU load and the runner's CPU time "
                   "while tokens came out. Normal: gpu all along. On cpu or partial, `tegrascope doctor` on the board says why.",
                   " or ".join(f"max by {_BY_MODEL} (tegrascope_model_placement{{SM,placement=\"{place}\"}} == 1) * {value}"
                               for value, place in enumerate(["unknown", "gpu", "partial", "cpu"])),
                   "{{model}} {{instance}}",
                   mappings=value_texts({value: (place, PLACEMENT_COLORS[place])
                                         for value, place in enumerate(["unknown", "gpu", "partial", "cpu"])}),
                   no_value="no model seen", width=12),
    state_timeline("Placement: declared", "Share of the model that Ollama says is on the GPU. It can say 100 % while the CPU "
                   "does the work: compare it with the observed placement.",
                   "tegrascope_model_offload_ratio{SM}", "{{model}} {{instance}}", unit="percentunit",
                   thresholds=[(None, "red"), (0.01, "yellow"), (0.99, "green")], no_value="no model resident", width=12),
    timeseries("GPU, CPU and memory controller", "Busy shares of the boards. Decode on the GPU: GPU near 100 %, one CPU core. "
               "Decode on the CPU: the reverse. A busy GPU is not yet an efficient one.",
               [("avg(max by (job, instance) (rate(tegrascope_gpu_busy_seconds_total{S}[RI])))", "GPU"),
                ("1 - avg(rate(tegrascope_cpu_seconds_total{S,mode=\"idle\"}[RI]))", "CPU"),
                ("avg(rate(tegrascope_emc_busy_seconds_total{S}[RI]))", "memory controller")],
               "percentunit", high=1, colors={"GPU": "green", "CPU": "red", "memory controller": "blue"}),
    timeseries("Verdicts", "Requests by where their decode ran. Unknown: too short to judge, or a sensor was missing.",
               [("sum by (placement) (increase(tegrascope_placement_verdicts_total{SM}[RI]))", "{{placement}}")],
               "none", stack="normal", bars=True, colors=PLACEMENT_COLORS, decimals=0),
]

SPEED = [
    timeseries("Decode rate by model", "Output tokens per second of decode. Steady for a model and power mode; it falls with "
               "throttling, long contexts, swap and a fall-back to the CPU.",
               [("sum by (model) (rate(tegrascope_tokens_total{SM,type=\"output\"}[RI])) / "
                 "(sum by (model) (rate(tegrascope_phase_seconds_total{SM,phase=\"decode\"}[RI])) > 0)", "{{model}}")],
               "suffix:tok/s", interval=BURST_INTERVAL, join=True),
    heatmap("Inter-token latency", "Time between the pieces of streamed answers; brighter: more of them. One bright band is normal. "
            "A second band above it: another model, a busy board, or decode on the CPU.",
            "sum by (le) (increase(tegrascope_inter_token_latency_seconds_bucket{SM}[RI]))", "s"),
    timeseries("Time to first token", "Of streamed requests, loads included. p95 far above p50: loads or waiting.",
               [(f"histogram_quantile({q}, sum by (le) (rate(tegrascope_time_to_first_token_seconds_bucket{{SM}}[RI])))", name)
                for q, name in ((0.5, "p50"), (0.95, "p95"))],
               "s", interval=BURST_INTERVAL, join=True),
    timeseries("Where request time goes", "Share of the requests' time in each phase. Much queue: more requests than slots. Much "
               "load: the model is unloaded between requests (keep_alive). Much prefill: long prompts.",
               [("sum by (phase) (rate(tegrascope_phase_seconds_total{SM}[RI]))", "{{phase}}")],
               "percentunit", stack="percent", colors=PHASE_COLORS),
    timeseries("Requests in flight", "Requests now inside: waiting for content, generating, or opaque where the phase cannot be "
               "seen (answers that are not streamed).",
               [("sum by (phase) (tegrascope_requests_in_flight{SM})", "{{phase}}")],
               "none", stack="normal", colors={"waiting": "yellow", "generating": "green", "opaque": GREY}, decimals=0),
    timeseries("Requests by status", "Finished requests by the status that the client got. 499: the client left early.",
               [("sum by (code) (rate(tegrascope_requests_total{SM}[RI]))", "{{code}}")],
               "reqps", stack="normal", bars=True,
               overrides=[by_pattern("/^2/", color=fixed("green")), by_pattern("/^4/", color=fixed("yellow")),
                          by_pattern("/^5/", color=fixed("red"))]),
]

FLEET = [
    table("Boards", "One line for each board: speed, power, heat and whether its Ollama answers. Click a board to see its hardware.",
          [("sum by (instance) (rate(tegrascope_tokens_total{S,type=\"output\"}[RI]))", "Output tokens per second",
            "suffix:tok/s", 1),
           ("sum by (instance) (rate(tegrascope_board_energy_joules_total{S}[RI]))", "Power", "watt", 1),
           ("max by (instance) (rate(tegrascope_gpu_busy_seconds_total{S}[RI]))", "GPU busy", "percentunit", 0),
           ("max by (instance) (tegrascope_temperature_celsius{S})", "Hottest zone", "celsius", 0),
           ("min by (instance) (tegrascope_ollama_up{S})", "Ollama", "none", 0)],
          key=["instance"], height=5,
          overrides=[by_name("instance", links=[{"title": "This board", "targetBlank": False,
                                                 "url": "/d/tegrascope-board?${__url_time_range}&var-instance=${__value.raw}"}]),
                     by_name("Ollama", mappings=value_texts({0: ("does not answer", "red"), 1: ("up", "green")}),
                             custom_cellOptions={"type": "color-text"})]),
]

DASHBOARD = dashboard(
    "tegrascope-overview", "tegrascope / Inference overview", "Is inference fast, on the GPU, and why not?",
    [row("Health"), *HEALTH, row("Where it ran"), *PLACEMENT, row("Speed"), *SPEED, row("Fleet"), *FLEET],
    annotations.ALL)
