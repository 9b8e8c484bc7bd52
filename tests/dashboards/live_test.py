"""Every query of every dashboard, asked of a real Prometheus that scrapes real agents on a simulated board.

Skips (77) where there is no Prometheus."""
import math
import os
import sys
import unittest

import live
import queries

SECONDS = 45
# What Grafana would fill in. Scrapes are a second apart here.
VALUES = {"job": ".+", "instance": ".+", "model": ".+", "__rate_interval": "8s", "__interval": "1s",
          "__range": f"{SECONDS - 5}s", "datasource": "prometheus"}

# Families that no agent emits.
FOREIGN = {"ALERTS": "Prometheus makes it from alert rules"}
# Panels that may be empty where the machine does not let the agent do it.
CONDITIONAL = {("tegrascope-agent", "Capture"): ("tegrascope_capture_up == 1", "the capture needs CAP_NET_RAW")}


def numbers(series):
    return [value for _, value in series["values"] if not math.isnan(float(value))]


class Dashboards(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.live = live.LiveBoard(os.environ["TEGRASCOPE_PROGRAM"], live.find_tool("prometheus"))
        cls.live.__enter__()
        cls.addClassCleanup(cls.live.__exit__)
        if not cls.live.wait(SECONDS):
            raise RuntimeError("Prometheus did not scrape for as long as the test needs")
        cls.families = cls.live.families()

    def ask(self, expr):
        return self.live.range(queries.fill_in(expr, VALUES), self.live.started + 3, self.live.started + SECONDS, 1)

    def check_emitted(self, expr):
        for metric, _, _ in queries.selectors(expr):
            if metric not in FOREIGN:
                self.assertIn(metric, self.families, "no agent emits it")

    def may_be_empty(self, dashboard, panel):
        condition, _ = CONDITIONAL.get((dashboard["uid"], panel["title"]), (None, None))
        return condition and not self.live.api("query", query=condition)["result"]

    def test_every_panel_shows_something(self):
        asked = 0
        for dashboard in queries.dashboards():
            for panel in queries.panels(dashboard):
                if self.may_be_empty(dashboard, panel):
                    continue
                for target in panel["targets"]:
                    with self.subTest(dashboard=dashboard["uid"], panel=panel["title"], expr=target["expr"]):
                        self.check_emitted(target["expr"])
                        result = self.ask(target["expr"])
                        asked += 1
                        self.assertTrue(any(numbers(series) for series in result), "empty, or not a number")
                        for label in queries.labels_of_legend(target):
                            self.assertTrue(any(label in series["metric"] for series in result), f"no label {label}")
        print(f"{asked} queries of panels asked")

    def test_every_annotation_marks_something(self):
        for dashboard in queries.dashboards():
            for annotation in dashboard["annotations"]["list"]:
                if "expr" not in annotation:
                    continue
                with self.subTest(dashboard=dashboard["uid"], annotation=annotation["name"]):
                    self.check_emitted(annotation["expr"])
                    result = self.ask(annotation["expr"])
                    marks = [series for series in result if any(float(value) > 0 for value in numbers(series))]
                    self.assertTrue(marks, "never above 0")
                    self.assertTrue(all("instance" in series["metric"] for series in marks), "does not say where")

    def test_the_first_event_of_a_counter_shows(self):
        """A counter that is born at 1 is not seen by increase()."""
        for uid, title, series in (("agent", "Loads failed and runners lost", {"reason": "oom-alloc"}),
                                   ("board", "Processes killed for memory", {}), ("board", "Throttle events", {"source": "oc1"})):
            dashboard = next(one for one in queries.dashboards() if one["uid"] == "tegrascope-" + uid)
            panel = next(one for one in queries.panels(dashboard) if one["title"] == title)
            with self.subTest(panel=title):
                result = self.ask(panel["targets"][0]["expr"])
                seen = [max(map(float, numbers(one))) for one in result if series.items() <= one["metric"].items()]
                self.assertTrue(seen and max(seen) > 0, f"{series} stays at 0: {result}"[:400])

    def test_every_variable_has_choices(self):
        for dashboard in queries.dashboards():
            for name, label, selector in queries.variable_queries(dashboard):
                with self.subTest(dashboard=dashboard["uid"], variable=name):
                    parameters = {"match[]": queries.fill_in(selector, VALUES)} if selector else {}
                    self.assertTrue(self.live.api(f"label/{label}/values", **parameters))

    def test_marks_are_short_where_they_mark_a_moment(self):
        """A change is a mark, not a state."""
        for name in ("Model loads", "Power mode changes", "Throttling"):
            expr = next(one["expr"] for one in queries.dashboards()[0]["annotations"]["list"] if one["name"] == name)
            for series in self.ask(expr):
                with self.subTest(annotation=name, series=series["metric"]):
                    self.assertLess(len(numbers(series)), SECONDS / 4)

    def test_a_query_of_an_unknown_family_or_a_wrong_one_fails(self):
        self.assertNotIn("tegrascope_no_such_family", self.families)
        self.assertEqual(self.ask('tegrascope_no_such_family{job=~"$job"}'), [])
        with self.assertRaises(ValueError):
            self.ask('sum by (model (tegrascope_tokens_total{job=~"$job"})')
        with self.assertRaises(ValueError):
            self.ask('up{job=~"$jobs"}')


if __name__ == "__main__":
    if not live.find_tool("prometheus"):
        print("skipped: no prometheus; ./dev test unpacks it under build/tools")
        sys.exit(77)
    unittest.main(verbosity=1)
