"""The dashboard and the alerts ask for metrics and labels that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.identity.fakes import directory
from tests.metrics.reading import text_of
from tests.world import World, log_in
from vestibule.clients.models import ClientKind
from vestibule.clock import utc
from vestibule.identity.configuration import DirectoryConfiguration
from vestibule.identity.repository import StoredDirectory, add_directory
from vestibule.wiring import Services

pytestmark = pytest.mark.once

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "alerts.yml"
HERE = Path(__file__).parent / "promtool"

PROMETHEUS = {"up": {"job", "instance"}}
"""What Prometheus itself has."""
ADDED = {"job", "instance"}
"""Labels that it adds."""

METRIC = re.compile(r"\b(?:vestibule|process)_[a-z_]+|\bup\b")
SELECTOR = re.compile(r"([a-z_]+)\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')


def dashboard_expressions() -> Iterator[str]:
    document = json.loads((DEPLOY / "grafana" / "vestibule.json").read_text())
    for panel in document["panels"]:
        for target in panel.get("targets", []):
            yield target["expr"]
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["definition"]


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load(RULES.read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def promtool() -> str:
    found = shutil.which("promtool") or (str(HERE) if HERE.exists() else None)
    assert found, "promtool is missing: run scripts/test-requirements"
    return found


@pytest.fixture
async def known(world: World, client: httpx.AsyncClient, services: Services) -> dict[str, set[str]]:
    """Metrics of a service that has been used, and their labels."""
    await world.user()
    _, secret = await world.client("api", kind=ClientKind.CONFIDENTIAL)
    tokens = (await log_in(client)).json()
    await client.post("/oauth2/introspect", data={"token": "x"}, auth=("api", secret))
    await client.post("/api/v1/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    await client.get("/nowhere")
    configuration = DirectoryConfiguration.model_validate(directory())
    plain, sealed = services.registry.stored(configuration)
    now = utc(services.clock)
    row = StoredDirectory("corp", plain, sealed, now, now)
    await services.database.write(lambda c: add_directory(c, row))
    await services.registry.reload()
    services.metrics.loop_lag(0)
    services.metrics.shared_state("hit", 0)
    labels: dict[str, set[str]] = {name: set(ls) for name, ls in PROMETHEUS.items()}
    for family in text_string_to_metric_families(text_of(services.metrics)):
        for sample in family.samples:
            labels.setdefault(sample.name, set(ADDED)).update(sample.labels)
    return labels


async def test_every_expression_asks_for_what_there_is(known: dict[str, set[str]]) -> None:
    wrong = []
    for expression in (*dashboard_expressions(), *(rule["expr"] for rule in rules())):
        names = METRIC.findall(expression)
        wrong += [name for name in names or [f"nothing: {expression}"] if name not in known]
        for name, selector in SELECTOR.findall(expression):
            wrong += sorted(set(MATCHER.findall(selector)) - known.get(name, set()))
        of_all = set().union(*(known.get(name, set()) for name in names))
        for grouping in re.findall(r"\bby \(([^)]*)\)", expression):
            wrong += sorted({label.strip() for label in grouping.split(",")} - of_all)

    assert wrong == []


def test_no_panel_has_another_ones_name_or_place() -> None:
    panels = json.loads((DEPLOY / "grafana" / "vestibule.json").read_text())["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)
    taken = [
        (column, line)
        for panel in panels
        for place in [panel["gridPos"]]
        for column in range(place["x"], place["x"] + place["w"])
        for line in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert all(column < 24 for column, _ in taken)


def test_all_jobs_are_those_of_the_service() -> None:
    """`up` and `process_*` have everybody: where all are chosen, the list of ours says who."""
    document = json.loads((DEPLOY / "grafana" / "vestibule.json").read_text())
    [job] = [each for each in document["templating"]["list"] if each["name"] == "job"]

    assert job["definition"].startswith("label_values(vestibule_")
    assert job["includeAll"]
    assert "allValue" not in job


def test_alerts_speak_when_they_should_and_are_silent_when_not() -> None:
    examples = RULES.with_name("alerts.test.yml")

    checked = subprocess.run(
        [promtool(), "test", "rules", str(examples)], capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stderr + checked.stdout


def test_every_alert_has_an_example_and_says_what_to_do() -> None:
    examples = RULES.with_name("alerts.test.yml").read_text()

    assert [rule["alert"] for rule in rules() if rule["alert"] not in examples] == []
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_the_dashboards_expressions_are_promql(tmp_path: Path) -> None:
    found = [
        {"record": f"panel_{n}", "expr": expression.replace("$__rate_interval", "5m")}
        for n, expression in enumerate(dashboard_expressions())
        if not expression.startswith("label_values")
    ]
    path = tmp_path / "panels.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": found}]}))

    checked = subprocess.run(
        [promtool(), "check", "rules", str(path)], capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip

    assert checked.returncode == 0, checked.stderr + checked.stdout


async def test_the_documentation_names_every_metric_and_no_other(
    known: dict[str, set[str]],
) -> None:
    page = (DEPLOY.parent / "docs" / "src" / "content" / "docs" / "observability.md").read_text()
    rows = re.findall(r"^\| (`vestibule_[^|]+)\|", page, flags=re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z_]+)`", row)}

    there = {re.sub(r"_(bucket|count|sum)$", "", name) for name in known}

    assert named == {name for name in there if name.startswith("vestibule_")}
