"""Marks on every dashboard: what happened, against what the hardware shows."""
from grafana import annotation

_BY_MODEL = "(job, instance, server, model)"

# A model became resident, or a request spent time on loading; both are seen from the outside, without the other.
LOADS = annotation(
    "Model loads", "blue",
    f"(max by {_BY_MODEL} (tegrascope_model_size_bytes{{SM}}) unless max by {_BY_MODEL} "
    "(max_over_time(tegrascope_model_size_bytes{SM}[RI] offset $__interval))) or "
    f"(sum by {_BY_MODEL} (tegrascope_phase_seconds_total{{SM,phase=\"load\"}} - "
    "tegrascope_phase_seconds_total{SM,phase=\"load\"} offset $__interval) > 0.3)",
    "Model loaded", "{{model}} on {{instance}}, Ollama {{server}}")

FALLBACKS = annotation(
    "Fallbacks", "red", "tegrascope_model_fallback_info{SM}", "Not on the GPU: {{reason}}",
    "{{model}} on {{instance}}, Ollama {{server}}. To mend it: {{cure}}")

POWER_MODES = annotation(
    "Power mode changes", "purple",
    "max by (job, instance) (tegrascope_nvpmodel_mode{S} != bool (tegrascope_nvpmodel_mode{S} offset $__interval)) > 0",
    "Power mode changed", "{{instance}}")

THROTTLES = annotation(
    "Throttling", "orange",
    "tegrascope_throttle_events_total{S,source=~\"thermal|oc1\"} - "
    "tegrascope_throttle_events_total{S,source=~\"thermal|oc1\"} offset $__interval > 0",
    "Clocks held down", "{{instance}}: {{source}}")

ALERTS = annotation(
    "Alerts", "dark-red", "ALERTS{S,alertstate=\"firing\"}", "{{alertname}}", "{{instance}} {{model}}", enable=False)

ALL = [LOADS, FALLBACKS, POWER_MODES, THROTTLES, ALERTS]
