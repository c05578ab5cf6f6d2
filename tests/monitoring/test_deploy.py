"""Rules, runbook and dashboard: what they name is measured, and each alert has its section."""

import json
import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
import typer
import yaml

from rebalancer.cli.app import GROUPS
from rebalancer.ops.metrics.document import document
from tests.monitoring import named

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
RULES, TESTS = DEPLOY / "prometheus" / "rules.yml", DEPLOY / "prometheus" / "rules_test.yml"
RUNBOOK, DASHBOARD = DEPLOY / "runbook.md", DEPLOY / "grafana" / "rebalancer.json"
SEVERITIES = ("critical", "warning", "none")
PROMTOOL = shutil.which("promtool")

needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool must be there (Debian: apt-get install prometheus), was not"
)


def alerts():
    """Return every alert rule."""
    told = yaml.safe_load(RULES.read_text())
    return [rule for group in told["groups"] for rule in group["rules"]]


def sections():
    """Return the text of each section of the runbook by its title."""
    parts = re.split(r"^## (.+)$", RUNBOOK.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def panels():
    """Return every panel of the dashboard that shows something."""
    told = json.loads(DASHBOARD.read_text())
    return [each for each in told["panels"] if each["type"] != "row"]


def promtool(*arguments):
    """Run promtool; return its exit code and all that it said."""
    done = subprocess.run(
        [PROMTOOL, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60
    )
    return done.returncode, done.stdout + done.stderr


@needs_promtool
def test_rules_are_valid():
    """Prometheus takes the rules, all of them."""
    code, said = promtool("check", "rules", RULES)

    assert (0, f"SUCCESS: {len(alerts())} rules found") == (
        code,
        said.strip().splitlines()[-1].strip(),
    )


@needs_promtool
def test_rules_fire_and_stay_silent():
    """Every alert fires when it must, with its words, and is silent before and on its limit."""
    code, said = promtool("test", "rules", TESTS)

    assert 0 == code, said


@needs_promtool
def test_rules_that_are_broken_are_found(tmp_path):
    """Rules that never fire any more fail, each one of them: the tests are of these rules."""
    told = yaml.safe_load(RULES.read_text())
    for group in told["groups"]:
        for rule in group["rules"]:
            rule["expr"] = "vector(1) > 1"
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(told))
    shutil.copy(TESTS, tmp_path)

    code, said = promtool("test", "rules", tmp_path / TESTS.name)

    failed = set(re.findall(r"alertname: (\w+), time", said))
    assert (1, {each["alert"] for each in alerts()}) == (code, failed)


def test_each_alert_is_tested():
    """Every alert has a case in which it fires and, but for the watchdog, one of silence."""
    fires, silent = set(), set()
    for case in yaml.safe_load(TESTS.read_text())["tests"]:
        for each in case["alert_rule_test"]:
            (fires if each["exp_alerts"] else silent).add(each["alertname"])
    names = {each["alert"] for each in alerts()}

    assert names == fires
    assert names - {"RebalancerWatchdog"} == silent


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_alert(rule):
    """An alert rests on what is measured, says how grave it is, and leads to its section."""
    name, told = rule["alert"], rule["annotations"]

    assert [] == named.faults(rule["expr"])
    assert rule["labels"]["severity"] in SEVERITIES
    assert ["description", "runbook_url", "summary"] == sorted(told)
    assert f"deploy/runbook.md#{name.lower()}" == told["runbook_url"]
    assert name in sections()


def test_runbook_is_whole():
    """Every section is an alert's, in the order of the rules, and has its four parts."""
    parts = ["**Symptom.**", "**Check.**", "**Act.**", "**Verify.**"]

    assert [each["alert"] for each in alerts()] == list(sections())
    for name, text in sections().items():
        assert parts == re.findall(r"\*\*(?:Symptom|Check|Act|Verify)\.\*\*", text), name


def test_links_of_the_runbook_lead_somewhere():
    """Every link within the runbook is to a section that is there."""
    known = {name.lower() for name in sections()}
    links = re.findall(r"\]\(#([^)]*)\)", RUNBOOK.read_text())

    assert links
    assert [] == [each for each in links if each not in known]


def test_commands_of_the_runbook_exist():
    """What the runbook tells to type is a command of this program, with options that it has."""
    program = typer.Typer()
    for group in GROUPS:
        import_module(f"rebalancer.cli.{group}").register(program)
    root = typer.main.get_command(program)
    context = typer.Context(root)
    parts = RUNBOOK.read_text().split("```")
    prose, fenced = " ".join(parts[0::2]), "\n".join(parts[1::2])
    typed = re.findall(r"^rebalancer ([^#\n]+)", fenced, flags=re.MULTILINE)
    found = [*typed, *re.findall(r"`rebalancer ([^`]+)`", prose)]
    faults = []
    for line in found:
        words = line.split()
        command = root.get_command(context, words[0])
        if command is not None and hasattr(command, "commands"):
            command = command.get_command(context, words[1])
        if command is None:
            faults.append(line)
            continue
        options = {name for each in command.params for name in each.opts}
        faults += [
            f"{line}: {word}" for word in words if word.startswith("--") and word not in options
        ]

    assert len(typed) > 50
    assert [] == faults


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: panel["title"])
def test_panel(panel):
    """A panel says what it shows and in which unit, and shows what is measured."""
    known = named.series()

    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for target in panel["targets"]:
        expression = filled(target["expr"])
        assert [] == named.faults(expression)
        labels = {
            label for each in named.promql.selectors(expression) for label in known[each.metric]
        }
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        assert shown <= labels


def filled(expression):
    """Return an expression with the dashboard's variables filled in."""
    return re.sub(r"\$(\w+)", r"\1", expression)


def test_dashboard():
    """The dashboard is of a known schema; its panels lie side by side, none upon another."""
    told = json.loads(DASHBOARD.read_text())
    ids = [each["id"] for each in told["panels"]]
    taken: dict[tuple[int, int], str] = {}
    overlaps = []
    for each in told["panels"]:
        place = each["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, each["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (x, y) in taken:
                    overlaps.append(f"{each['title']} on {taken[x, y]}")
                taken[x, y] = each["title"]

    assert 36 <= told["schemaVersion"] <= 41
    assert len(ids) == len(set(ids))
    assert [] == overlaps
    variables = [each["name"] for each in told["templating"]["list"]]
    assert ["datasource", "book", "instance", "underlying"] == variables
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(told["panels"])))
    assert used <= set(variables)
    queries = [each["definition"] for each in told["templating"]["list"] if "definition" in each]
    for query in queries:
        inner, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
        selector = named.promql.selectors(filled(inner))[0]
        assert label in named.series()[selector.metric]
        assert [] == named.faults(filled(inner))


@needs_promtool
def test_expressions_of_the_dashboard_are_valid(tmp_path):
    """Prometheus takes every expression of the dashboard."""
    rules = [
        {"record": f"panel:{panel['id']}:{target['refId']}", "expr": filled(target["expr"])}
        for panel in panels()
        for target in panel["targets"]
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))

    code, said = promtool("check", "rules", path)

    assert 0 == code, said


def test_what_matters_is_shown():
    """Each metric that an alert rests on can be looked at in the dashboard."""
    shown = {
        each.metric
        for panel in panels()
        for target in panel["targets"]
        for each in named.promql.selectors(filled(target["expr"]))
    }
    alarmed = {each.metric for rule in alerts() for each in named.promql.selectors(rule["expr"])}

    assert ["up"] == sorted(alarmed - shown)


def test_document():
    """The document of the metrics is made of their table, and up to date."""
    assert document() == (DEPLOY / "metrics.md").read_text()
