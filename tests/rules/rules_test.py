#!/usr/bin/env python3
"""Tests of deploy/prometheus: rules_test.py SOURCE_DIRECTORY CASE. Exit 77: promtool is not on this machine."""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1]).resolve()
RULES = ROOT / "deploy/prometheus/tegrascope.rules.yml"
OLD_RULES = ROOT / "deploy/prometheus/before-2.42/tegrascope.rules.yml"
TESTS = sorted((ROOT / "tests/rules").glob("*.test.yml"))
NEEDS_KEEP_FIRING = "keep_firing.test.yml"


def tool(name):
    found = shutil.which(name, path=str(ROOT / "build/tools/usr/bin")) or shutil.which(name)
    if not found:
        print(f"skipped: no {name}; ./dev test unpacks it under build/tools")
        sys.exit(77)
    return found


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def expect(condition, message):
    if not condition:
        print("FAILED:", message)
        sys.exit(1)


def alerts(rules):
    return re.findall(r"^  - alert: (\w+)$", rules, re.MULTILINE)


def unit_tests(rules, files):
    """promtool's answer to `files` with these rules in the place of the shipped ones."""
    with tempfile.TemporaryDirectory() as folder:
        top = pathlib.Path(folder)
        (top / "deploy/prometheus").mkdir(parents=True)
        (top / "tests/rules").mkdir(parents=True)
        (top / "deploy/prometheus/tegrascope.rules.yml").write_text(rules)
        for file in files:
            shutil.copy(file, top / "tests/rules")
        return run(tool("promtool"), "test", "rules", *[str(top / "tests/rules" / file.name) for file in files])


def lint():
    for rules in (RULES, OLD_RULES):
        checked = run(tool("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(rules))
        expect(checked.returncode == 0, checked.stdout)
    config = ROOT / "deploy/prometheus/prometheus.yml"
    checked = run(tool("promtool"), "check", "config", str(config))
    expect(checked.returncode == 0, checked.stdout)


def generated():
    made = run(sys.executable, str(ROOT / "deploy/prometheus/make-rules"), "--check")
    expect(made.returncode == 0, made.stdout)
    expect("keep_firing_for: " in RULES.read_text(), "the rules use keep_firing_for")
    expect("keep_firing_for: " not in OLD_RULES.read_text(), "no keep_firing_for before 2.42")
    expect(alerts(RULES.read_text()) == alerts(OLD_RULES.read_text()), "the same alerts in both files")


def unit():
    tested = unit_tests(RULES.read_text(), TESTS)
    print(tested.stdout)
    expect(tested.returncode == 0, "promtool test rules")


def unit_before_2_42():
    tested = unit_tests(OLD_RULES.read_text(), [t for t in TESTS if t.name != NEEDS_KEEP_FIRING])
    print(tested.stdout)
    expect(tested.returncode == 0, "promtool test rules")


def complete():
    """Each alert fires in one test, is quiet in another, and has its page."""
    text = "\n".join(file.read_text() for file in TESTS)
    pages = {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    shipped = alerts(RULES.read_text())
    expect(len(shipped) >= 20, "the alerts are found")
    for alert in shipped:
        expect(re.search(rf"alertname: {alert}\n    exp_alerts:\n", text), f"no test in which {alert} fires")
        expect(f"alertname: {alert}, exp_alerts: []" in text, f"no test in which {alert} is quiet")
        expect(alert in pages, f"no page docs/runbooks/{alert}.md")
        page = (ROOT / f"docs/runbooks/{alert}.md").read_text()
        expect(f"/{alert}.md'" in RULES.read_text(), f"{alert} has no runbook_url to its page")
        for heading in (f"# {alert}", "## What it means", "## How to check", "## How to mend"):
            expect(heading in page, f"docs/runbooks/{alert}.md has no '{heading}'")
    expect(pages == set(shipped), f"pages of no alert: {sorted(pages - set(shipped))}")


# What somebody may break: the rule, what it says, what it would say then.
MUTATIONS = [
    ("OllamaInferenceOnCPU", 'placement="cpu"', 'placement="partial"'),
    ("OllamaInferenceOnCPU", 'placement="cpu"', 'placement=~"cpu|unknown"'),
    ("OllamaInferenceOnCPU", "expected == 1", "expected >= 0"),
    ("OllamaInferenceOnCPU", "instance, server, model)\n", "instance, model)\n"),
    ("OllamaInferenceOnCPU", "for: 30s", "for: 0s"),
    ("OllamaInferenceOnCPU", "for: 30s", "for: 2m"),
    ("OllamaInferenceOnCPU", "for: 30s", "for: 30s\n    keep_firing_for: 15m"),
    ("OllamaInferenceOnCPU", 'tegrascope_model_placement{placement="cpu"} == 1',
     'sum by (job, instance, server, model) (increase(tegrascope_placement_verdicts_total{placement="cpu"}[15m])) > 1'),
    ("OllamaInferenceOnCPU", "model=%q} == 1", "model=~%q} == 2"),
    ("OllamaInferenceOnCPU", ",model=%q", ",model!=%q"),
    ("OllamaInferenceOnCPU", 'label "cure"', 'label "reason"'),
    ("OllamaInferenceOnCPU", "Reason: not known", "Reason: "),
    ("OllamaInferenceOnCPU", 'eq $reason "none"', 'eq $reason "never"'),
    ("OllamaInferenceOnCPU", "severity: critical", "severity: warning"),
    ("OllamaModelLoadedOnCPU", "ratio == 0", "ratio < 0.99"),
    ("OllamaModelLoadedOnCPU", "expected == 1", "expected >= 0"),
    ("OllamaModelLoadedOnCPU", "for: 2m", "for: 1m"),
    ("OllamaModelOffloadDegraded", "ratio > 0 and", "ratio >= 0 and"),
    ("OllamaModelOffloadDegraded", "[7d]) >= 0.99", "[7d]) >= 0"),
    ("OllamaModelOffloadDegraded", "expected == 1", "expected >= 0"),
    ("OllamaModelOffloadDegraded", "for: 10m", "for: 5m"),
    ("OllamaDecodeSlowerThanUsual", "< 0.5 *", "< 0.9 *"),
    ("OllamaDecodeSlowerThanUsual", "[5m])) > 50", "[5m])) > 0"),
    ("OllamaDecodeSlowerThanUsual", "tegrascope_nvpmodel_mode != instance", "tegrascope_nvpmodel_mode < instance"),
    ("OllamaDecodeSlowerThanUsual", "for: 10m", "for: 0m"),
    ("model:tegrascope_decode_tokens_per_second:median7d", ">= 240", ">= 1"),
    ("model:tegrascope_decode_tokens_per_second:rate5m", 'phase="decode"', 'phase="prefill"'),
    ("OllamaProxyBypassed", 'reason="bypass"', 'reason=~"bypass|other"'),
    ("OllamaProxyBypassed", "for: 30m", "for: 5m"),
    ("OllamaProxyBypassed", "    keep_firing_for: 10m\n", ""),
    ("PlacementBlind", "> 0.9", "> 0.8"),
    ("PlacementBlind", '{phase="decode"}', ""),
    ("PlacementBlind", "> 60", "> 6000"),
    ("OllamaDown", "for: 2m", "for: 30s"),
    ("OllamaRequestErrors", '"5.."', '"[45].."'),
    ("OllamaRequestErrors", "> 0.1", "> 0.05"),
    ("OllamaRequestErrors", "> 5\n", "> 0\n"),
    ("OllamaStalled", 'phase="opaque"', 'phase="none"'),
    ("OllamaStalled", "tegrascope_tokens_total[5m])) == 0", "tegrascope_tokens_total[5m])) >= 0"),
    ("OllamaStalled", '{phase="load"}[5m])) == 0', '{phase="load"}[5m])) >= 0'),
    ("OllamaStalled", "for: 10m", "for: 1m"),
    ("ModelLoadFailed", "> 0", ">= 0"),
    ("ModelLoadFailed", "server, reason)", "server)"),
    ("RunnerKilled", 'reason=~"killed|crashed"', 'reason=~".+"'),
    ("RunnerKilled", 'reason=~"killed|crashed"', 'reason=~"killed"'),
    ("instance:tegrascope_throttled:ratio_rate5m", '{reason="thermal"}', ""),
    ("JetsonThrottling", "for: 5m", "for: 1m"),
    ("JetsonThrottling", "    keep_firing_for: 10m\n", ""),
    ("JetsonNearThermalShutdown", 'trip="shutdown"', 'trip="throttle"'),
    ("JetsonNearThermalShutdown", "- 5)", "- 10)"),
    ("JetsonNearThermalShutdown", "for: 1m", "for: 0m"),
    ("JetsonMemoryLow", "< 0.05", "< 0.1"),
    ("JetsonMemoryLow", "for: 5m", "for: 2m"),
    ("JetsonSwappingDuringInference", "> 0.5", ">= 0"),
    ("JetsonSwappingDuringInference", "> 10e6", "> 10e3"),
    ("JetsonUnderVoltage", 'source="oc1"', 'source=~"oc.*"'),
    ("AgentDown", '{job=~"tegrascope.*"}', ""),
    ("AgentDown", "for: 5m", "for: 1m"),
    ("AgentCollectorFailing", "for: 10m", "for: 1m"),
    ("AgentSamplerLate", "> 0.05", "> 0.01"),
    ("AgentLabelOverflow", "> 0", ">= 0"),
]


def mutant(rules, mutation):
    """The shipped rules with that one thing broken."""
    name, old, new = mutation
    begin = re.search(rf"^  - (alert|record): {re.escape(name)}$", rules, re.MULTILINE).start()
    end = rules.find("\n  - ", begin + 1)
    end = len(rules) if end < 0 else end
    block = rules[begin:end] + "\n"
    expect(old in block, f"the rules have changed: '{old}' is not in {name}; mend MUTATIONS")
    return rules[:begin] + block.replace(old, new, 1)[:-1] + rules[end:]


def tested_by_its_files(mutation, changed):
    return unit_tests(changed, [t for t in TESTS if mutation[0] in t.read_text()] or TESTS)


def mutations():
    rules = RULES.read_text()
    mutants = [mutant(rules, mutation) for mutation in MUTATIONS]
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(tested_by_its_files, MUTATIONS, mutants))
    survivors = []
    for mutation, result in zip(MUTATIONS, results):
        if result.returncode == 0:
            survivors.append(mutation)
        elif "exp:" not in result.stdout:
            expect(False, f"{mutation} is no rule file: {result.stdout}")
    print(f"{len(MUTATIONS) - len(survivors)} of {len(MUTATIONS)} mutants killed")
    expect(not survivors, "\n".join(f"survives: {s}" for s in survivors))


globals()[sys.argv[2]]()
