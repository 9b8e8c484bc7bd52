"""The committed dashboards without a Prometheus: same bytes as their source, lint, layout, and the agent's own catalogue."""
import copy
import re
import sys
import unittest

import lint
import promql
import queries

sys.path.insert(0, str(queries.ROOT / "dashboards"))
import generate  # noqa: E402
import grafana  # noqa: E402

CATALOGUE = queries.ROOT / "exporters/prometheus/catalogue.cpp"
# Labels that Prometheus adds to what the agent exports.
ADDED = {"job", "instance", "le"}


def catalogue():
    """{family: labels}, from the table in the agent's source."""
    rows = re.findall(r'\{Family::\w+, "(\w+)", \w+,\s*\{([^}]*)\}', CATALOGUE.read_text(encoding="utf-8"))
    return {name: set(re.findall(r'"(\w+)"', labels)) for name, labels in rows}


def labels_of(metric, known):
    for suffix in ("", "_bucket", "_sum", "_count"):
        if metric.endswith(suffix) and metric.removesuffix(suffix) in known:
            return known[metric.removesuffix(suffix)]
    return None


class Source(unittest.TestCase):
    def test_generating_again_gives_the_committed_bytes(self):
        made = generate.files()
        self.assertEqual(sorted(made), sorted(path.name for path in queries.FOLDER.glob("*.json")))
        for name, text in made.items():
            committed = (queries.FOLDER / name).read_bytes()
            self.assertEqual(committed, text.encode(), f"{name}: run dashboards/generate.py and commit what it writes")

    def test_generating_twice_gives_the_same(self):
        self.assertEqual(generate.files(), generate.files())


class Contract(unittest.TestCase):
    def test_every_family_and_label_is_in_the_catalogue(self):
        known = catalogue()
        self.assertGreater(len(known), 80, "the catalogue could not be read")
        for dashboard in queries.dashboards():
            exprs = [target["expr"] for panel in queries.panels(dashboard) for target in panel["targets"]]
            exprs += [one["expr"] for one in dashboard["annotations"]["list"] if "expr" in one]
            exprs += [selector for _, _, selector in queries.variable_queries(dashboard) if selector]
            for expr in exprs:
                for one in promql.selectors(expr):
                    if one.metric == "ALERTS":
                        continue
                    labels = labels_of(one.metric, known)
                    with self.subTest(dashboard=dashboard["uid"], expr=expr):
                        self.assertIsNotNone(labels, f"{one.metric} is not in the catalogue")
                        used = {label for label, _, _ in one.matchers}
                        self.assertLessEqual(used, labels | ADDED, f"labels that {one.metric} has not")

    def test_a_label_that_is_grouped_by_belongs_to_a_family_of_the_query(self):
        known = catalogue()
        for dashboard in queries.dashboards():
            for panel in queries.panels(dashboard):
                for target in panel["targets"]:
                    labels = set(ADDED).union(*(labels_of(one.metric, known) for one in promql.selectors(target["expr"])))
                    grouped = re.findall(r"\b(?:by|on) ?\(([^)]*)\)", target["expr"])
                    used = {label for group in grouped for label in re.findall(r"\w+", group)}
                    used |= set(queries.labels_of_legend(target))
                    with self.subTest(dashboard=dashboard["uid"], panel=panel["title"], expr=target["expr"]):
                        self.assertLessEqual(used, labels)


class Layout(unittest.TestCase):
    def test_panels_do_not_overlap_and_lines_are_full(self):
        for dashboard in queries.dashboards():
            taken = {}
            for panel in dashboard["panels"]:
                at = panel["gridPos"]
                self.assertLessEqual(at["x"] + at["w"], 24)
                for x in range(at["x"], at["x"] + at["w"]):
                    for y in range(at["y"], at["y"] + at["h"]):
                        self.assertNotIn((x, y), taken, f"{dashboard['uid']}: {panel['title']} covers {taken.get((x, y))}")
                        taken[x, y] = panel["title"]
            rows = {y for _, y in taken}
            gaps = [y for y in rows if any((x, y) not in taken for x in range(24))]
            self.assertEqual(gaps, [], f"{dashboard['uid']}: a line of panels is not as wide as the screen")

    def test_ids_are_unique_and_links_lead_somewhere(self):
        made = queries.dashboards()
        uids = {dashboard["uid"] for dashboard in made}
        self.assertEqual(len(uids), 4)
        for dashboard in made:
            ids = [panel["id"] for panel in dashboard["panels"]]
            self.assertEqual(len(ids), len(set(ids)))
            titles = [panel["title"] for panel in queries.panels(dashboard)]
            self.assertEqual(len(titles), len(set(titles)), "two panels of the same name")
            for uid in re.findall(r"/d/([\w-]+)", str(dashboard)):
                self.assertIn(uid, uids)

    def test_provisioning_finds_them(self):
        folder = queries.ROOT / "deploy/grafana/provisioning"
        provider = (folder / "dashboards/tegrascope.yaml").read_text()
        self.assertIn("allowUiUpdates: false", provider)
        datasource = (folder / "datasources/tegrascope.yaml").read_text()
        self.assertIn("type: prometheus", datasource)
        self.assertIn(f"timeInterval: {grafana.SCRAPE_INTERVAL}", datasource)


# rule -> a change that must make it speak
BREAK = {
    "template-datasource-rule": lambda d: d["templating"]["list"][0].update(name="prometheus"),
    "template-job-rule": lambda d: d["templating"]["list"][1].update(multi=False),
    "template-instance-rule": lambda d: d["templating"]["list"][2].update(allValue=".*"),
    "template-label-promql-rule": lambda d: d["templating"]["list"][2]["query"].update(query="label_values(up{, job)"),
    "template-on-time-change-reload-rule": lambda d: d["templating"]["list"][3].update(refresh=1),
    "panel-datasource-rule": lambda d: d["panels"][1]["datasource"].update(uid="prometheus-1"),
    "panel-title-description-rule": lambda d: d["panels"][1].update(description=""),
    "panel-units-rule": lambda d: d["panels"][1]["fieldConfig"]["defaults"].update(unit="tokens"),
    "panel-no-targets-rule": lambda d: d["panels"][1].update(targets=[]),
    "target-promql-rule": lambda d: d["panels"][1]["targets"][0].update(expr="sum(rate(up[5m])"),
    "target-rate-interval-rule": lambda d: d["panels"][1]["targets"][0].update(expr='rate(a_total{job=~"$job"}[5m])'),
    "target-job-rule": lambda d: d["panels"][1]["targets"][0].update(expr='up{instance=~"$instance"}'),
    "target-instance-rule": lambda d: d["panels"][1]["targets"][0].update(expr='up{job=~"$job",instance="$instance"}'),
    "target-counter-agg-rule": lambda d: d["panels"][1]["targets"][0].update(expr='sum(a_total{job=~"$job"})'),
    "uneditable-dashboard": lambda d: d.update(editable=True),
    "no-import-inputs": lambda d: d.update(__inputs=[]),
}


class Lint(unittest.TestCase):
    def test_has_nothing_to_say(self):
        for dashboard in queries.dashboards():
            self.assertEqual(lint.lint(dashboard), [])

    def test_every_rule_can_fail(self):
        self.assertEqual(set(BREAK), set(lint.RULES))
        for rule, change in BREAK.items():
            for dashboard in queries.dashboards():
                broken = copy.deepcopy(dashboard)
                change(broken)
                with self.subTest(rule=rule, dashboard=dashboard["uid"]):
                    self.assertIn(rule, {name for name, _, _ in lint.lint(broken)})

    def test_reads_selectors(self):
        found = promql.selectors('sum by (le) (rate(a_bucket{x="1,{",y=~"$y"}[5m] offset 1m)) / on (job) max(b) > bool 2')
        self.assertEqual([(one.metric, one.range, one.function) for one in found],
                         [("a_bucket", "5m", "rate"), ("b", None, "max")])
        self.assertEqual(found[0].matchers, [("x", "=", "1,{"), ("y", "=~", "$y")])
        self.assertEqual([one.metric for one in promql.selectors("-sum(a_total) * 100 or vector(0) unless c{}")],
                         ["a_total", "c"])
        for wrong in ("", "sum(", "a)", "a +", "sum by (x] (a)", "a{x=~\"}"):
            with self.assertRaises(ValueError):
                promql.check(wrong)


if __name__ == "__main__":
    unittest.main()
