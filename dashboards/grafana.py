"""Constructors for classic Grafana dashboards: plain dictionaries, every field that Grafana reads.

Queries are written with short names for what every selector repeats (`query`):

    {S}, {S,more}    {job=~"$job",instance=~"$instance",more}
    {SM}, {SM,more}  the same, and model=~"$model"
    [RI]             [$__rate_interval]
    [RANGE]          [$__range]
"""
import re

SCHEMA_VERSION = 41
# The scrape interval that the documentation asks for: the panels' least step, so that $__rate_interval holds four scrapes.
SCRAPE_INTERVAL = "15s"
# Highest value that an axis shows at least, so that a line at 0 is not drawn against a hundred.
SOFT_MAX = {"cps": 1, "none": 1, "reqps": 0.1, "pps": 1, "percentunit": 0.01, "Bps": 1024, "joule": 1}
# Ratios of what bursts of requests count: a longer step, so that the pauses between requests do not cut the line.
BURST_INTERVAL = "1m"

BOARD = 'job=~"$job",instance=~"$instance"'
MODEL = BOARD + ',model=~"$model"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

GREY = "#8e8e8e"
PLACEMENT_COLORS = {"gpu": "green", "partial": "yellow", "cpu": "red", "unknown": GREY}
PHASE_COLORS = {"queue": "purple", "load": "blue", "prefill": "yellow", "decode": "green", "unknown": GREY}


def query(text):
    """The PromQL that Grafana gets."""
    text = re.sub(r"\{SM\b", "{" + MODEL, text)
    text = re.sub(r"\{S\b", "{" + BOARD, text)
    return text.replace("[RI]", "[$__rate_interval]").replace("[RANGE]", "[$__range]")


def target(text, legend="", instant=False, format="time_series"):
    made = {"datasource": DATASOURCE, "editorMode": "code", "expr": query(text), "format": format,
            "instant": instant, "range": not instant}
    if legend:
        made["legendFormat"] = legend
    return made


def _steps(thresholds):
    return {"mode": "absolute",
            "steps": [{"color": color, "value": value} for value, color in thresholds or [(None, "green")]]}


def value_texts(texts):
    """Mapping of values to words: {value: (text, color)}."""
    return [{"type": "value", "options": {str(value): {"color": color, "index": index, "text": text}
                                          for index, (value, (text, color)) in enumerate(texts.items())}}]


def by_name(name, **properties):
    """Override for the series or column with that name."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key.replace("_", ".", 1) if key.startswith("custom_") else key, "value": value}
                           for key, value in properties.items()]}


def by_pattern(pattern, **properties):
    return {**by_name(pattern, **properties), "matcher": {"id": "byRegexp", "options": pattern}}


def fixed(color):
    return {"fixedColor": color, "mode": "fixed"}


DASHED = {"fill": "dash", "dash": [10, 10]}


def _panel(kind, title, description, targets, options, defaults, overrides, width, height, interval):
    for index, one in enumerate(targets):
        one["refId"] = chr(ord("A") + index)
    made = {"type": kind, "title": title, "description": description, "datasource": DATASOURCE,
            "gridPos": {"w": width, "h": height}, "options": options, "targets": targets,
            "fieldConfig": {"defaults": defaults, "overrides": overrides}}
    if interval:
        made["interval"] = interval
    return made


def _defaults(unit, thresholds=None, mappings=None, no_value=None, decimals=None, low=None, high=None, color=None):
    made = {"color": color or {"mode": "palette-classic"}, "thresholds": _steps(thresholds), "unit": unit}
    for key, value in (("mappings", mappings), ("noValue", no_value), ("decimals", decimals), ("min", low), ("max", high)):
        if value is not None:
            made[key] = value
    return made


def stat(title, description, expr, unit, thresholds=None, mappings=None, no_value=None, decimals=None, legend="",
         label=None, width=4, height=3):
    """One number; with `label`, the text of that label."""
    options = {"colorMode": "value" if thresholds or mappings else "none", "graphMode": "none", "justifyMode": "center",
               "orientation": "auto", "percentChangeColorMode": "standard", "showPercentChange": False,
               "textMode": "auto", "wideLayout": True,
               "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    one = target(expr, legend, instant=True)
    if label:
        one["format"] = "table"
        options["reduceOptions"]["fields"] = f"/^{label}$/"
    defaults = _defaults(unit, thresholds, mappings, no_value, decimals, color={"mode": "thresholds"})
    return _panel("stat", title, description, [one], options, defaults, [], width, height, SCRAPE_INTERVAL)


def timeseries(title, description, targets, unit, stack=None, bars=False, low=0, high=None, colors=None, overrides=(),
               interval=SCRAPE_INTERVAL, decimals=None, no_value=None, scale=None, join=False, width=12, height=8):
    """`targets`: (query, legend). `stack`: normal or percent. `join`: draw a line over gaps of up to ten minutes."""
    custom = {"axisBorderShow": False, "axisPlacement": "auto", "drawStyle": "bars" if bars else "line",
              "fillOpacity": 60 if bars else 30 if stack else 8, "gradientMode": "none",
              "lineInterpolation": "linear", "lineWidth": 1 if stack or bars else 2, "pointSize": 4,
              "showPoints": "never" if stack or bars else "auto", "spanNulls": 600000 if join else False,
              "scaleDistribution": scale or {"type": "linear"}, "thresholdsStyle": {"mode": "off"},
              "stacking": {"group": "A", "mode": stack or "none"}}
    if high is None and unit in SOFT_MAX:
        custom["axisSoftMax"] = SOFT_MAX[unit]
    options = {"legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    defaults = {**_defaults(unit, None, None, no_value, decimals, low, high), "custom": custom}
    fixed_colors = [by_name(name, color=fixed(color)) for name, color in (colors or {}).items()]
    return _panel("timeseries", title, description, [target(*one) for one in targets], options, defaults,
                  fixed_colors + list(overrides), width, height, interval)


def state_timeline(title, description, expr, legend, unit="none", thresholds=None, mappings=None, no_value=None,
                   width=24, height=6):
    options = {"alignValue": "center", "mergeValues": True, "rowHeight": 0.8, "showValue": "auto",
               "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
               "tooltip": {"mode": "single", "sort": "none"}}
    defaults = {**_defaults(unit, thresholds, mappings, no_value, color={"mode": "thresholds"}),
                "custom": {"fillOpacity": 80, "lineWidth": 0}}
    return _panel("state-timeline", title, description, [target(expr, legend)], options, defaults, [], width, height,
                  SCRAPE_INTERVAL)


def heatmap(title, description, expr, unit, no_value=None, width=12, height=8):
    """Of a classic histogram: `expr` keeps the label le."""
    options = {"calculate": False, "cellGap": 1,
               "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "reverse": False, "scale": "exponential",
                         "scheme": "Viridis", "steps": 64},
               "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
               "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
               "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": True},
               "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit}}
    defaults = {"custom": {"hideFrom": {"legend": False, "tooltip": False, "viz": False},
                           "scaleDistribution": {"type": "linear"}}}
    if no_value:
        defaults["noValue"] = no_value
    return _panel("heatmap", title, description, [target(expr, "{{le}}", format="heatmap")], options, defaults, [],
                  width, height, SCRAPE_INTERVAL)


def table(title, description, columns, key, overrides=(), hidden=(), no_value=None, width=24, height=8):
    """One row for each value of the labels `key`: [(query, column title, unit, decimals)]. No title: the query's labels are
    the columns, but for those in `hidden`, and its value is not shown."""
    targets = [target(expr, instant=True, format="table") for expr, *_ in columns]
    renamed, hidden, made = {}, dict.fromkeys(["Time", *hidden], True), list(overrides)
    for index, (_, name, *shown) in enumerate(columns):
        value = "Value" if len(columns) == 1 else "Value #" + chr(ord("A") + index)
        if name is None:
            hidden[value] = True
            continue
        renamed[value] = name
        made.append(by_name(name, unit=shown[0], decimals=shown[1]))
    order = {name: index for index, name in enumerate([*key, *renamed])}
    transformations = [{"id": "merge", "options": {}},
                       {"id": "organize", "options": {"excludeByName": hidden, "indexByName": order,
                                                      "renameByName": renamed}}]
    options = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": []}
    defaults = {**_defaults("none", None, None, no_value, color={"mode": "thresholds"}),
                "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}}
    return {**_panel("table", title, description, targets, options, defaults, made, width, height, SCRAPE_INTERVAL),
            "transformations": transformations}


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "gridPos": {"w": 24, "h": 1}, "panels": []}


def _place(panels):
    """Numbers the panels and lays them out: left to right, a new line where one does not fit."""
    x = y = line = 0
    for number, panel in enumerate(panels, 1):
        size = panel["gridPos"]
        if x + size["w"] > 24:
            x, y, line = 0, y + line, 0
        panel["id"] = number
        panel["gridPos"] = {"h": size["h"], "w": size["w"], "x": x, "y": y}
        x, line = x + size["w"], max(line, size["h"])
    return panels


def _variable(name, label, definition):
    return {"type": "query", "name": name, "label": label, "datasource": DATASOURCE,
            "query": {"qryType": 1, "query": query(definition), "refId": name}, "refresh": 2, "sort": 1, "multi": True,
            "includeAll": True, "allValue": ".+", "hide": 0, "options": [], "regex": "", "skipUrlSync": False,
            "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}


def variables():
    """From families that every install has; each narrowed by those before it."""
    return [{"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus", "refresh": 1,
             "multi": False, "includeAll": False, "hide": 0, "options": [], "regex": "", "skipUrlSync": False,
             "current": {"selected": False, "text": "default", "value": "default"}},
            _variable("job", "Job", "label_values(tegrascope_build_info, job)"),
            _variable("instance", "Instance", 'label_values(tegrascope_build_info{job=~"$job"}, instance)'),
            _variable("model", "Model", "label_values(tegrascope_model_gpu_expected{S}, model)")]


def annotation(name, color, expr, title, text, enable=True):
    """A mark, or a bar while the query stays above 0."""
    return {"datasource": DATASOURCE, "enable": enable, "expr": query(expr), "hide": False, "iconColor": color, "name": name,
            "step": SCRAPE_INTERVAL, "textFormat": text, "titleFormat": title}


def dashboard(uid, title, description, panels, annotations):
    built_in = {"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "enable": True, "hide": True,
                "iconColor": "rgba(0, 211, 255, 1)", "name": "Annotations & Alerts", "type": "dashboard"}
    links = {"asDropdown": False, "icon": "external link", "includeVars": True, "keepTime": True, "tags": ["tegrascope"],
             "targetBlank": False, "title": "tegrascope", "tooltip": "", "type": "dashboards", "url": ""}
    return {"annotations": {"list": [built_in, *annotations]}, "description": description, "editable": False,
            "fiscalYearStartMonth": 0, "graphTooltip": 1, "links": [links], "panels": _place(panels), "preload": False,
            "refresh": "30s", "schemaVersion": SCHEMA_VERSION, "tags": ["tegrascope", "jetson", "ollama"],
            "templating": {"list": variables()}, "time": {"from": "now-1h", "to": "now"}, "timepicker": {},
            "timezone": "browser", "title": title, "uid": uid, "version": 1, "weekStart": ""}
