"""The Helm chart, rendered by Helm's own library and held against Kubernetes' own schemas."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import helm_python as helm
import kubernetes_validate
import pytest
import yaml
from pydantic import SecretStr

from vestibule.pages.administration.uploads import MAX_FILE
from vestibule.settings import Settings

FOLDER = Path(__file__).parent.parent.parent / "deploy" / "helm" / "vestibule"
RULES = FOLDER.parent.parent / "prometheus" / "alerts.yml"
OLDEST = "1.27"
"""The oldest Kubernetes that Chart.yaml lets in."""

LEAST: dict[str, Any] = {
    "issuer": "https://sign-in.example.org",
    "trustedProxies": ["10.42.0.0/16"],
}
MOST: dict[str, Any] = {
    **LEAST,
    "issuer": "https://sign-in.example.org:8443",
    "settings": {
        "LOG_LEVEL": "debug",
        "REFRESH_TOKEN_LIFETIME": 2592000,
        "HASH_DEADLINE": 1.5,
        "REQUIRE_VERIFIED_EMAIL": True,
        "REQUIRE_TLS": "remote",
    },
    "secrets": {"extra": [{"option": "smtp_url", "name": "mail", "key": "url"}]},
    "image": {"tag": "1.2.3", "pullSecrets": [{"name": "registry"}]},
    "autoscaling": {"enabled": True},
    "ingress": {
        "enabled": True,
        "className": "nginx",
        "tlsSecret": "tls",
        "annotations": {"example.org/a": "b"},
    },
    "networkPolicy": {
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "metricsFrom": [{"podSelector": {"matchLabels": {"app": "prometheus"}}}],
        "extraEgress": [{"ports": [{"port": 587, "protocol": "TCP"}]}],
    },
    "metrics": {
        "networks": ["10.0.0.0/8"],
        "token": {"name": "metrics", "key": "token"},
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    },
    "serviceAccount": {"annotations": {"a": "b"}},
    "service": {"annotations": {"a": "b"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "identity"},
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "priorityClassName": "high",
}


@pytest.fixture(scope="module")
def chart() -> Iterator[helm.Chart]:
    with helm.Chart.load(FOLDER) as loaded:
        yield loaded


def render(chart: helm.Chart, values: dict[str, Any], **options: Any) -> dict[str, dict[str, Any]]:
    """What an install would send, by kind; there is one of each."""
    chart.validate_schema(chart.merge_values(values))
    files = chart.render(values, name="sign-in", namespace="prod", **options)
    objects = [
        found
        for name, text in files.items()
        if name.endswith(".yaml")
        for found in yaml.safe_load_all(text)
        if found
    ]
    by_kind = {found["kind"]: found for found in objects}
    assert len(by_kind) == len(objects)
    return by_kind


def container(found: dict[str, Any]) -> dict[str, Any]:
    [only] = found["spec"]["template"]["spec"]["containers"]
    return dict(only)


def environment(found: dict[str, Any]) -> dict[str, str]:
    entries = container(found)["env"]
    names = [entry["name"] for entry in entries]
    assert len(names) == len(set(names))
    return {entry["name"]: entry["value"] for entry in entries}


def secret_files(found: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """File -> (secret, key)."""
    [volume] = [v for v in found["spec"]["template"]["spec"]["volumes"] if v["name"] == "secrets"]
    return {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }


def test_helm_finds_nothing_to_warn_of() -> None:
    for values in (LEAST, MOST):
        report = helm.lint(FOLDER, values, strict=True)

        assert report["errors"] == []
        # 1 is for information: it would like a picture of us.
        assert [message for message in report["messages"] if message["severity"] > 1] == []


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_kubernetes_would_take_every_object(
    chart: helm.Chart, values: dict[str, Any], version: str
) -> None:
    found = render(chart, values)

    for kind, each in found.items():
        if kind != "ServiceMonitor":  # it is Prometheus', not Kubernetes'
            kubernetes_validate.validate(each, version, strict=True)
    assert {"Deployment", "Service", "Job", "PodDisruptionBudget", "NetworkPolicy"} <= set(found)
    assert ("HorizontalPodAutoscaler" in found) == (values is MOST)
    assert chart.metadata["kubeVersion"] == f">={OLDEST}.0-0"


@pytest.mark.parametrize("kind", ["Deployment", "Job"])
def test_pods_are_restricted_as_the_pod_security_standards_ask(
    chart: helm.Chart, kind: str
) -> None:
    found = render(chart, LEAST)[kind]
    pod = found["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    # Kubernetes would set VESTIBULE_PORT=tcp://… for a service that is called vestibule.
    assert pod["enableServiceLinks"] is False
    assert container(found)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {next(k for k in volume if k != "name") for volume in pod["volumes"]} == {
        "emptyDir", "projected",
    }  # fmt: skip


@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_the_program_takes_the_options_and_files_that_it_is_given(
    chart: helm.Chart,
    values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = render(chart, values)
    for name in [name for name in os.environ if name.startswith("VESTIBULE_")]:
        monkeypatch.delenv(name)
    for name, value in environment(found["Deployment"]).items():
        monkeypatch.setenv(name, value)
    for name in secret_files(found["Deployment"]):
        (tmp_path / name).write_text("smtp://mail, postgresql://db and 32 characters or more")
    if values is MOST:
        monkeypatch.setenv("VESTIBULE_MAIL_FROM", "noreply@example.org")
    [mount] = [m for m in container(found["Deployment"])["volumeMounts"] if m["name"] == "secrets"]
    assert os.environ["VESTIBULE_SECRETS_DIR"] == mount["mountPath"]
    monkeypatch.setenv("VESTIBULE_SECRETS_DIR", str(tmp_path))

    settings = Settings()

    assert settings.secret_key is not None
    assert settings.redis_url is not None
    assert settings.issuer == values["issuer"]
    assert [str(network) for network in settings.trusted_proxies] == ["10.42.0.0/16"]
    assert settings.first_administrator is False
    assert settings.refresh_token_lifetime == 2592000
    assert settings.require_tls == ("remote" if values is MOST else "always")
    assert environment(found["Job"]) == environment(found["Deployment"])
    assert secret_files(found["Job"]) == secret_files(found["Deployment"])


def test_no_secret_is_made_or_stands_in_an_environment(chart: helm.Chart) -> None:
    found = render(chart, MOST)

    assert "Secret" not in found
    assert all("valueFrom" not in entry for entry in container(found["Deployment"])["env"])
    assert secret_files(found["Deployment"]) == {
        "vestibule_secret_key": ("vestibule", "secret-key"),
        "vestibule_database_url": ("vestibule", "database-url"),
        "vestibule_redis_url": ("vestibule", "redis-url"),
        "vestibule_metrics_token": ("metrics", "token"),
        "vestibule_smtp_url": ("mail", "url"),
    }


def test_every_secret_option_is_refused_among_the_settings(chart: helm.Chart) -> None:
    secret = {
        name.upper()
        for name, field in Settings.model_fields.items()
        if SecretStr in (field.annotation, *get_args(field.annotation))
    }
    assert {"SECRET_KEY", "SMTP_URL", "PREVIOUS_SECRET_KEYS"} <= secret

    for name in secret:
        with pytest.raises(helm.HelmError):
            chart.validate_schema(chart.merge_values({**LEAST, "settings": {name: "x"}}))


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": ""},
        {"issuer": "http://sign-in.example.org"},
        {"issuer": "https://sign-in.example.org/path"},
        {"trustedProxies": ["everybody"]},
        {"replica": 3},
        {"hashThreads": 0},
        {"secrets": {"secretKey": {"name": "", "key": "k"}}},
        {"secrets": {"extra": [{"option": "secret_key", "name": "n", "key": "k"}]}},
        {"metrics": {"token": {"name": "m", "key": ""}}},
        {"settings": {"log_level": "debug"}},
        {"settings": {"PORT": 9000}},
        {"settings": {"SECRETS_DIR": "/tmp"}},
        {"ingress": {"host": "https://x"}},
    ],
    ids=str,
)
def test_wrong_values_are_refused(chart: helm.Chart, wrong: dict[str, Any]) -> None:
    chart.validate_schema(chart.merge_values(LEAST))

    with pytest.raises(helm.HelmError):
        chart.validate_schema(chart.merge_values({**LEAST, **wrong}))


def test_a_pod_that_ends_is_given_the_time_that_it_takes(chart: helm.Chart) -> None:
    found = render(chart, {**LEAST, "drain": {"delay": 20, "timeout": 60}})["Deployment"]
    given = found["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    probe = container(found)["readinessProbe"]

    assert given == 90
    assert environment(found)["VESTIBULE_DRAIN_DELAY"] == "20"
    # Whoever looks after the endpoints has heard no well before the delay is over.
    by_default = environment(render(chart, LEAST)["Deployment"])["VESTIBULE_DRAIN_DELAY"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < int(by_default)


def test_an_import_in_the_browser_has_room_for_its_file_while_the_next_one_comes_in(
    chart: helm.Chart,
) -> None:
    volumes = render(chart, LEAST)["Deployment"]["spec"]["template"]["spec"]["volumes"]
    [limit] = [v["emptyDir"]["sizeLimit"] for v in volumes if v["name"] == "temporary"]

    assert int(limit.removesuffix("Mi")) * 1024**2 > 2 * MAX_FILE


def test_liveness_asks_nothing_of_the_database_and_readiness_does(chart: helm.Chart) -> None:
    only = container(render(chart, LEAST)["Deployment"])

    assert only["livenessProbe"]["httpGet"]["path"] == "/api/v1/health"
    assert only["startupProbe"]["httpGet"]["path"] == "/api/v1/health"
    assert only["readinessProbe"]["httpGet"]["path"] == "/api/v1/ready"


def test_the_migration_runs_before_and_alone(chart: helm.Chart) -> None:
    found = render(chart, LEAST)
    job = found["Job"]

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert container(job)["args"] == ["migrate"]
    # What the chart makes is not there yet when a hook of the first install runs.
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    served = found["Service"]["spec"]["selector"]
    assert not served.items() <= job["spec"]["template"]["metadata"]["labels"].items()
    for kind in ("Service", "PodDisruptionBudget", "Deployment"):
        spec = found[kind]["spec"]
        selector = spec["selector"].get("matchLabels", spec["selector"])
        labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
        assert selector.items() <= labels.items()
    assert "Job" not in render(chart, {**LEAST, "migration": {"enabled": False}})


def test_an_autoscaler_and_a_number_of_replicas_do_not_fight(chart: helm.Chart) -> None:
    assert render(chart, LEAST)["Deployment"]["spec"]["replicas"] == 2
    assert "replicas" not in render(chart, MOST)["Deployment"]["spec"]


def test_the_ingress_has_the_host_of_the_issuer(chart: helm.Chart) -> None:
    spec = render(chart, MOST)["Ingress"]["spec"]

    assert spec["rules"][0]["host"] == "sign-in.example.org"
    assert spec["tls"] == [{"hosts": ["sign-in.example.org"], "secretName": "tls"}]


def test_only_who_is_named_gets_in_where_anybody_is_named(chart: helm.Chart) -> None:
    anybody = render(chart, LEAST)["NetworkPolicy"]["spec"]
    named = render(chart, MOST)["NetworkPolicy"]["spec"]

    assert "from" not in anybody["ingress"][0]
    assert len(named["ingress"][0]["from"]) == 2
    ports = [port["port"] for rule in anybody["egress"] for port in rule["ports"]]
    assert sorted(set(ports)) == [53, 5432, 6379]
    assert named["policyTypes"] == ["Ingress", "Egress"]


def test_metrics_are_read_with_the_token_or_not_at_all(chart: helm.Chart) -> None:
    [endpoint] = render(chart, MOST)["ServiceMonitor"]["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "metrics", "key": "token"}
    assert endpoint["path"] == "/metrics"

    with pytest.raises(helm.HelmError, match=r"needs metrics\.networks"):
        render(chart, {**LEAST, "metrics": {"serviceMonitor": {"enabled": True}}})


def test_the_job_that_prometheus_knows_is_the_one_that_the_rules_ask_for(
    chart: helm.Chart,
) -> None:
    found = render(chart, MOST)
    labels = found["Service"]["metadata"]["labels"]

    assert labels[found["ServiceMonitor"]["spec"]["jobLabel"]] == "vestibule"
    assert found["Service"]["metadata"]["name"] == "sign-in-vestibule"
    assert 'up{job="vestibule"}' in RULES.read_text()


def test_the_notes_say_how_to_make_the_first_administrator(chart: helm.Chart) -> None:
    notes = chart.render({**LEAST, "trustedProxies": []}, name="sign-in", namespace="prod")[
        "vestibule/templates/NOTES.txt"
    ]

    assert "deployment/sign-in-vestibule -- \\\n    vestibule user create NAME --admin" in notes
    assert "trustedProxies is empty" in notes


def test_chart_and_program_are_of_one_version(chart: helm.Chart) -> None:
    from vestibule import __version__

    assert chart.metadata["appVersion"] == __version__
