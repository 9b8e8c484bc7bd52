"""The rules of grafana/dashboard-linter, under the same names, in our own words; stricter where it says so.

`lint(dashboard)` returns [(rule, where, message)]. EXCLUSIONS is what its `.lint` file would hold.
"""
import promql
import queries

# unit of a panel -> why the rule does not see it
UNIT_EXCLUSIONS = {"suffix:tok/s": "Grafana has no unit for tokens per second; a suffix is its own way to write one",
                   "suffix:tok/GPU-s": "as above"}
UNITS = {"none", "short", "locale", "string", "percent", "percentunit", "bytes", "Bps", "pps", "s", "hertz", "joule", "watt", "watth",
         "volt", "amp", "celsius", "rotrpm", "cps", "reqps", "ops", "bool", "bool_on_off", "bool_yes_no"}
DATASOURCES = {"$datasource", "${datasource}"}


def _variables(dashboard, kind=None):
    return [one for one in dashboard["templating"]["list"] if kind is None or one["type"] == kind]


def template_datasource(dashboard):
    found = _variables(dashboard, "datasource")
    if not found:
        yield "dashboard", "has no data source variable"
    for one in found:
        if one["name"] != "datasource":
            yield one["name"], "must be named datasource"
        if one["label"] != "Data source":
            yield one["name"], "must be labelled Data source"


def _template(name):
    def rule(dashboard):
        found = [one for one in _variables(dashboard) if one["name"] == name]
        if not found:
            yield "dashboard", f"has no variable {name}"
            return
        one = found[0]
        if one["type"] != "query":
            yield name, "must be a query"
        if one.get("datasource", {}).get("uid") not in DATASOURCES:
            yield name, "must use $datasource"
        if one["label"] != name.title():
            yield name, f"must be labelled {name.title()}"
        if not one.get("multi"):
            yield name, "must allow several values"
        if one.get("allValue") != ".+":
            yield name, "allValue must be .+"
    return rule


def template_label_promql(dashboard):
    try:
        for _, _, selector in queries.variable_queries(dashboard):
            if selector:
                promql.check(selector)
                promql.selectors(selector)
    except ValueError as error:
        yield "variables", str(error)


def template_on_time_change_reload(dashboard):
    for one in _variables(dashboard, "query"):
        if one.get("refresh") != 2:
            yield one["name"], "must reload when the time range changes (refresh 2)"


def panel_datasource(dashboard):
    for panel in queries.panels(dashboard):
        for thing in [panel, *panel.get("targets", [])]:
            if thing.get("datasource", {}).get("uid") not in DATASOURCES:
                yield panel["title"], "must use $datasource"


def panel_title_description(dashboard):
    for panel in queries.panels(dashboard):
        if not panel.get("title") or not panel.get("description"):
            yield panel.get("title") or f"panel {panel['id']}", "needs a title and a description"


def _units_of(panel):
    settings = panel.get("fieldConfig", {})
    units = [settings.get("defaults", {}).get("unit"), panel["options"].get("yAxis", {}).get("unit")]
    units += [one["value"] for override in settings.get("overrides", []) for one in override["properties"] if one["id"] == "unit"]
    return [unit for unit in units if unit]


def panel_units(dashboard):
    for panel in queries.panels(dashboard):
        units = _units_of(panel)
        if not units:
            yield panel["title"], "has no unit"
        for unit in units:
            if unit not in UNITS and unit not in UNIT_EXCLUSIONS:
                yield panel["title"], f"unit {unit} is not Grafana's"


def panel_no_targets(dashboard):
    for panel in queries.panels(dashboard):
        if not panel.get("targets"):
            yield panel["title"], "has no queries"


def _for_each_query(dashboard, check):
    """`check(expr)` yields messages."""
    for panel in queries.panels(dashboard):
        for target in panel.get("targets", []):
            try:
                for message in check(target.get("expr", "")):
                    yield panel["title"], f"{message}: {target['expr']}"
            except ValueError:
                continue  # target-promql-rule tells


def target_promql(dashboard):
    for panel in queries.panels(dashboard):
        for target in panel.get("targets", []):
            try:
                promql.check(target.get("expr", ""))
                promql.selectors(target["expr"])
            except ValueError as error:
                yield panel["title"], f"{error}: {target.get('expr')}"


def target_rate_interval(dashboard):
    def check(expr):
        for one in promql.selectors(expr):
            if one.function in ("rate", "irate") and one.range != "$__rate_interval":
                yield f"{one.metric}: rate over [{one.range}] instead of [$__rate_interval]"
            if one.range and one.range not in ("$__rate_interval", "$__range"):  # stricter: no fixed windows at all
                yield f"{one.metric}: fixed window [{one.range}]"
    return _for_each_query(dashboard, check)


def _target_matcher(label):
    def rule(dashboard):
        def check(expr):
            for one in promql.selectors(expr):
                if (label, "=~", "$" + label) not in one.matchers:
                    yield f"{one.metric}: has no {label}=~\"${label}\""
        return _for_each_query(dashboard, check)
    return rule


def target_counter_agg(dashboard):
    def check(expr):
        for one in promql.selectors(expr):
            if one.metric.endswith(("_total", "_bucket", "_count", "_sum")) and \
                    not (one.range and one.function in ("rate", "irate", "increase")):
                yield f"{one.metric}: a counter without rate or increase"
    return _for_each_query(dashboard, check)


def uneditable(dashboard):
    if dashboard.get("editable") is not False:
        yield "dashboard", "must not be editable"


def no_import_inputs(dashboard):
    """Ours: `__inputs` and ${DS_...} work for import by hand only, not when provisioned."""
    if "__inputs" in dashboard or "${DS_" in str(dashboard):
        yield "dashboard", "has __inputs or ${DS_...}"


RULES = {"template-datasource-rule": template_datasource, "template-job-rule": _template("job"),
         "template-instance-rule": _template("instance"), "template-label-promql-rule": template_label_promql,
         "template-on-time-change-reload-rule": template_on_time_change_reload, "panel-datasource-rule": panel_datasource,
         "panel-title-description-rule": panel_title_description, "panel-units-rule": panel_units,
         "panel-no-targets-rule": panel_no_targets, "target-promql-rule": target_promql,
         "target-rate-interval-rule": target_rate_interval, "target-job-rule": _target_matcher("job"),
         "target-instance-rule": _target_matcher("instance"), "target-counter-agg-rule": target_counter_agg,
         "uneditable-dashboard": uneditable, "no-import-inputs": no_import_inputs}


def lint(dashboard):
    return [(name, where, message) for name, rule in RULES.items() for where, message in rule(dashboard)]
