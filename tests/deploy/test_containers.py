"""The container, what stands beside it, and that what they name is there."""

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy.installer import source
from rebalancer.settings import check
from tests.architecture.tree import ROOT

DEPLOY = ROOT / "deploy"
CONTAINERFILE = (DEPLOY / "Containerfile").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yml").read_text())
HEAD = (DEPLOY / "compose.yml").read_text().partition("\n\n")[0]
SERVICES = COMPOSE["services"]
PROMETHEUS = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
GRAFANA = DEPLOY / "grafana/provisioning"
STATEMENT = re.compile(r"^([A-Z]+) ((?:.*\\\n)*.*)$", re.M)
STATEMENTS = [
    (m[1], m[2]) for m in STATEMENT.finditer(re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.M))
]
FOLDER = "${BOOK_FOLDER:-/srv/rebalancer}"


def said(name):
    """Return the arguments of every statement of one kind."""
    return [rest for kind, rest in STATEMENTS if kind == name]


def tables():
    """Return the tables that the head of the compose file asks a configuration for."""
    return "".join(re.findall(r"^#     (\w+ = .*\n|\[.+\]\n)", HEAD, re.M))


def mounts(service):
    """Return source → (target, options) of what a service mounts."""
    found = {}
    for mount in SERVICES[service].get("volumes", []):
        where, target, *options = re.sub(re.escape(FOLDER), "FOLDER", mount).split(":")
        found[where] = (target, *options)
    return found


# ---------------------------------------------------------------------- the image


def test_image_takes_all_of_the_tree():
    """What a release is made of is handed to the build, and nothing else is."""
    copied = {
        name.rstrip("/")
        for rest in said("COPY")
        for name in rest.split()[:-1]
        if name[0] not in "/-"
    }

    assert set(source.PARTS) == copied


def test_image_installs_as_a_machine_does():
    """No package comes past the installer, which takes wheels with their hashes only."""
    runs = said("RUN")

    assert 1 == sum("/src/deploy/install install" in run for run in runs)
    assert [] == [run for run in runs if re.search(r"\bpip3? install|curl|wget|git clone", run)]


def test_image_runs_as_nobody():
    """The process is no root, and its user is one that compose names as well."""
    assert ["10001:10001"] == said("USER")
    assert "10001:10001" == SERVICES["rebalancer"]["user"]


def test_image_holds_no_secret():
    """No layer and no variable carries one: a build's own come by a mount that leaves nothing."""
    told = " ".join(said("ENV") + said("ARG"))

    assert [] == re.findall(r"(?i)token|password|secret|key", told)
    assert [] == [rest for rest in said("COPY") if "credentials" in rest]
    assert [] == re.findall(r"https?://", CONTAINERFILE)


def test_image_looks_after_its_book():
    """What it starts lies in this tree, and can be run."""
    (entry,) = said("ENTRYPOINT")
    (command,) = json.loads(entry)
    (source_,) = [rest.split()[1] for rest in said("COPY") if rest.split()[-1] == command]

    assert 0o111 == (ROOT / source_.removeprefix("/src/")).stat().st_mode & 0o111


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("name", ["contained", "install"])
def test_shellcheck_takes_it(name):
    """A script of the shell has none of its traps."""
    done = subprocess.run(
        ["shellcheck", DEPLOY / name], check=False, capture_output=True, text=True
    )

    assert (0, "") == (done.returncode, done.stdout)


def test_image_tells_its_health():
    """A container whose book does not answer is found ill; the command is a real one."""
    (health,) = said("HEALTHCHECK")
    command = json.loads(health[health.index("CMD ") + 4 :])

    assert ["/usr/local/bin/rebalancer", "status", "--json"] == command


# ------------------------------------------------------------------------ compose


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_confined(name):
    """Each has a read-only root, no capability, no way to more rights, and limits."""
    service = SERVICES[name]

    assert service["read_only"] is True
    assert ["ALL"] == service["cap_drop"]
    assert ["no-new-privileges:true"] == service["security_opt"]
    assert not service["user"].startswith("0")
    assert service["mem_limit"]
    assert service["pids_limit"] > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(service)


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_reached_from_this_machine_alone(name):
    """A port is published on loopback or not at all."""
    ports = SERVICES[name].get("ports", [])

    assert [] == [port for port in ports if not port.startswith("127.0.0.1:")]


@pytest.mark.parametrize("name", SERVICES)
def test_service_names_what_is_there(name):
    """Every file of ours that is mounted exists, every volume and network is declared."""
    for where, (target, *options) in mounts(name).items():
        assert target.startswith("/")
        if where.startswith("."):
            assert (DEPLOY / where).exists(), where
        elif not where.startswith("FOLDER"):
            assert where in COMPOSE["volumes"]
            continue
        assert ["ro"] == options, where
    assert set(SERVICES[name]["networks"]) <= set(COMPOSE["networks"])
    assert set(SERVICES[name].get("depends_on", [])) <= set(SERVICES)


def test_image_is_the_one_that_is_built():
    """Compose builds the Containerfile from the root of the project."""
    build = SERVICES["rebalancer"]["build"]

    assert ROOT == (DEPLOY / build["context"]).resolve()
    assert (ROOT / build["dockerfile"]).samefile(DEPLOY / "Containerfile")


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_not_given_up(name):
    """Nothing is left down after some tries, and all of it is there after a reboot."""
    assert "unless-stopped" == SERVICES[name]["restart"]


@pytest.mark.parametrize("options", ["", "--live --confirm 3f9a1c0be77d2a45"])
def test_book_that_trades(options):
    """A book is on paper as its image has it, and trades with the options of a person."""
    (image,) = said("CMD")
    command = SERVICES["rebalancer"]["command"].replace("${RUN_OPTIONS:-}", options)

    assert [*json.loads(image), *options.split()] == shlex.split(command)
    assert "RUN_OPTIONS=--live --confirm FINGERPRINT" in HEAD


def test_configuration_that_it_asks_for(tmp_path):
    """The tables that its head shows open the port that is published, to whom asks for it."""
    table = tables()
    config = tmp_path / "book.toml"
    config.write_text((ROOT / "config/paper-live.toml").read_text() + "\n" + table)
    told = tomllib.loads(table)["web"]

    assert [] == list(check(config).faults)
    assert f"127.0.0.1:{told['listen'].rpartition(':')[2]}:9464" in SERVICES["rebalancer"]["ports"]
    assert told["hosts"] == ["rebalancer"]
    assert (
        f"/run/credentials/{told['reader']}" == mounts("prometheus")["FOLDER/credentials/reader"][0]
    )


def test_somebody_outside_hears_that_it_is_gone():
    """No rule of Prometheus reaches a person from here: the book must have a heartbeat."""
    table = tables()
    name = tomllib.loads(table)["alerts"]["heartbeat"]["credentials"]

    assert re.search(rf"^#     {name}  ", HEAD, re.M)  # among the files to make


def test_keys_stay_with_the_book():
    """Prometheus sees the reader's token alone, Grafana its own password alone."""
    seen = {name: [where for where in mounts(name) if "FOLDER" in where] for name in SERVICES}

    assert ["FOLDER/credentials/reader"] == seen["prometheus"]
    assert ["FOLDER/grafana"] == seen["grafana"]


def test_metrics_have_no_way_out():
    """Only the book reaches the venues; what watches it shares a network that leads nowhere."""
    assert COMPOSE["networks"]["metrics"]["internal"] is True
    assert ["venues"] == [each for each in SERVICES["rebalancer"]["networks"] if each != "metrics"]
    assert ["metrics"] == SERVICES["prometheus"]["networks"]


# --------------------------------------------------------- Prometheus and Grafana


def test_prometheus_asks_the_book():
    """It asks the port that the book listens on, with the token that is mounted, by our rules."""
    (job,) = PROMETHEUS["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    host, port = target.split(":")

    assert host in SERVICES
    assert f"127.0.0.1:{port}:{port}" in SERVICES[host]["ports"]
    assert (
        job["authorization"]["credentials_file"]
        == mounts("prometheus")["FOLDER/credentials/reader"][0]
    )
    assert [] == [
        name for name in PROMETHEUS["rule_files"] if not (DEPLOY / "prometheus" / name).exists()
    ]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_it():
    """Prometheus' own check finds nothing wrong."""
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", DEPLOY / "prometheus/prometheus.yml"],
        check=False,
        capture_output=True,
        text=True,
    )

    assert (0, "") == (done.returncode, done.stderr)
    assert "SUCCESS" in done.stdout


def test_grafana_is_provisioned():
    """Its source is the Prometheus beside it, and the dashboard lies where it looks."""
    (there,) = yaml.safe_load((GRAFANA / "datasources/prometheus.yml").read_text())["datasources"]
    (looks,) = yaml.safe_load((GRAFANA / "dashboards/rebalancer.yml").read_text())["providers"]
    mounted = {target for target, *_ in mounts("grafana").values()}
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]

    assert "http://prometheus:9090" == there["url"]
    assert set(SERVICES["grafana"]["networks"]) & set(SERVICES["prometheus"]["networks"])
    assert home in mounted
    assert looks["options"]["path"] == str(Path(home).parent)
    assert "/etc/grafana/provisioning" in mounted
    assert json.loads((DEPLOY / "grafana/rebalancer.json").read_text())["panels"]


def test_password_is_a_file():
    """No password stands in an environment."""
    told = SERVICES["grafana"]["environment"]

    assert "/run/credentials/grafana" == told["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert [] == [name for name in told if name.endswith("PASSWORD")]
