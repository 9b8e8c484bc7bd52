"""Who used the hardware, and what did a token cost?"""
import annotations
from grafana import BURST_INTERVAL, GREY, PHASE_COLORS, dashboard, row, table, timeseries

_OUTPUT = "(sum by (model) (rate(tegrascope_tokens_total{SM,type=\"output\"}[RI])) > 0)"
_BOOKED = "sum by (model) (rate(tegrascope_attributed_energy_joules_total{SM}[RI]))"
_BOOKED_IDLE = "sum by (model) (rate(tegrascope_attributed_idle_energy_joules_total{SM}[RI]))"
_REST_COLORS = {"idle": GREY, "other": "purple", "bypass": "orange"}

COST = [
    timeseries("Joules per output token", "Board energy booked to requests for each token they put out: load, prefill and decode, with "
               "the board's idle draw meanwhile. Longer prompts raise it.",
               [(f"{_BOOKED} / {_OUTPUT}", "{{model}}")], "joule", interval=BURST_INTERVAL, join=True),
    timeseries("Net joules per output token", "The same without what the board would have drawn idle: what the work itself cost. "
               "Equal to the gross figure until the agent has seen the board idle.",
               [(f"({_BOOKED} - {_BOOKED_IDLE}) / {_OUTPUT}", "{{model}}")], "joule", interval=BURST_INTERVAL, join=True),
    timeseries("Joules per token, input and output", "Comparable between workloads of long and short prompts. Tokens taken from the "
               "cache count as input.",
               [(f"{_BOOKED} / (sum by (model) (rate(tegrascope_tokens_total{{SM}}[RI])) > 0)", "{{model}}")], "joule",
               interval=BURST_INTERVAL, join=True),
    timeseries("Joules per output token, of requests", "Half and 19 of 20 requests cost less than this, of those with at least 16 "
               "output tokens.",
               [(f"histogram_quantile({q}, sum by (le) (rate(tegrascope_request_joules_per_output_token_bucket{{SM}}[RI])))", name)
                for q, name in ((0.5, "p50"), (0.95, "p95"))], "joule", interval=BURST_INTERVAL, join=True),
]

USE = [
    timeseries("GPU-seconds per second", "Who kept the GPU busy. bypass: Ollama work that nobody saw asked for, so clients "
               "go around the relay. other: another program.",
               [("sum by (model) (rate(tegrascope_attributed_gpu_seconds_total{SM}[RI]))", "{{model}}"),
                ("sum by (reason) (rate(tegrascope_unattributed_gpu_seconds_total{S}[RI]))", "{{reason}}")],
               "none", stack="normal", colors=_REST_COLORS),
    timeseries("Runner CPU-seconds per second", "Cores that each model's runner used for requests. About one while the GPU decodes; "
               "all of them on the CPU.",
               [("sum by (model) (rate(tegrascope_attributed_cpu_seconds_total{SM}[RI]))", "{{model}}")], "none",
               stack="normal"),
    timeseries("Output tokens per GPU-second", "How much a busy GPU gets done. A fall at the same load: throttled, or memory is "
               "contended. Left out while the GPU does less than a tenth of the decode.",
               [("sum by (model) (rate(tegrascope_tokens_total{SM,type=\"output\"}[RI])) / "
                 "(sum by (model) (rate(tegrascope_attributed_gpu_seconds_total{SM,phase=\"decode\"}[RI])) > "
                 "0.1 * sum by (model) (rate(tegrascope_phase_seconds_total{SM,phase=\"decode\"}[RI])))", "{{model}}")],
               "suffix:tok/GPU-s", interval=BURST_INTERVAL),
    timeseries("Power by phase", "Board power booked to requests, by what they were doing. Much load: keep models resident longer.",
               [("sum by (phase) (rate(tegrascope_attributed_energy_joules_total{SM}[RI]))", "{{phase}}")], "watt",
               stack="normal", colors=PHASE_COLORS),
]

ENERGY = [
    timeseries("Where the power went", "The whole power of the boards: models, idle draw nobody used, other programs, and Ollama "
               "work that nobody saw asked for (bypass). The top is the boards' power, a scrape or two late.",
               [(_BOOKED, "{{model}}"),
                ("sum by (reason) (rate(tegrascope_unattributed_energy_joules_total{S}[RI]))", "{{reason}}")],
               "watt", stack="normal", colors=_REST_COLORS, width=24),
    table("Totals of the time range", "What each model did in the time range and what it used.",
          [("sum by (model) (increase(tegrascope_tokens_total{SM,type=\"output\"}[RANGE]))", "Output tokens", "locale", 0),
           ("sum by (model) (increase(tegrascope_tokens_total{SM,type=\"input\"}[RANGE]))", "Input tokens", "locale", 0),
           ("sum by (model) (increase(tegrascope_attributed_energy_joules_total{SM}[RANGE])) / 3600", "Energy", "watth", 2),
           ("sum by (model) (increase(tegrascope_attributed_gpu_seconds_total{SM}[RANGE]))", "GPU time", "s", 0),
           ("sum by (model) (increase(tegrascope_attributed_energy_joules_total{SM}[RANGE])) / "
            "(sum by (model) (increase(tegrascope_tokens_total{SM,type=\"output\"}[RANGE])) > 0)", "Per output token", "joule",
            2)], key=["model"], height=5),
]

DASHBOARD = dashboard(
    "tegrascope-efficiency", "tegrascope / Efficiency and attribution", "Who used the hardware, and what did a token cost?",
    [row("Cost of a token"), *COST, row("Use of the hardware"), *USE, row("Where every joule went"), *ENERGY],
    annotations.ALL)
