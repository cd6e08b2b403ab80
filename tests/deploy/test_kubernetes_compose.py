"""The manifests run the images as docker-compose.yml does: limits, users, ports, times."""

import re
from dataclasses import fields

import pytest
import yaml

from inference_app.config import Settings
from tests.conftest import REPO
from tests.deploy.kubernetes import (
    COMPLETE,
    FOLDERS,
    NGINX,
    container,
    environment,
    needs_kustomize,
    of_kind,
    pods,
)

pytestmark = needs_kustomize

COMPOSE = yaml.safe_load((REPO / "docker-compose.yml").read_text("utf-8"))["services"]
SERVICES = {"inference-app": "inference_app", "inference-nginx": "nginx"}
BOTH = pytest.mark.parametrize(("deployment", "service"), SERVICES.items())
START = (REPO / "nginx/start.sh").read_text("utf-8")
# The variables that each image reads.
READ = {
    "inference-app": {row.name.upper() for row in fields(Settings)},
    "inference-nginx": set(re.findall(r"\$\{([A-Z_]+)", START)),
}


def filled_in(text: str) -> str:
    """Return a value of docker-compose.yml, with the defaults that are in it."""
    inner = re.sub(r"\$\{\w+:-([^${}]*)\}", r"\1", text)
    return inner if inner == text else filled_in(inner)


def size(text: str) -> int:
    """Return the bytes of a size, as Docker (64m) or Kubernetes (64Mi) writes it."""
    number, unit = re.fullmatch(r"(\d+)([mg])i?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"m": 20, "g": 30}[unit]


@BOTH
def test_images_are_those_of_compose(deployment: str, service: str) -> None:
    assert container(NGINX, deployment)["image"] == filled_in(COMPOSE[service]["image"])


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_variable_is_one_that_its_image_reads(folder: str) -> None:
    (shared,) = of_kind(folder, "ConfigMap").values()
    assert shared["data"].keys() <= READ["inference-app"] | READ["inference-nginx"]
    for name in pods(folder):
        own = environment(folder, name).keys() - shared["data"].keys()
        assert own - {"POD_NAMESPACE"} <= READ[name]


@pytest.mark.parametrize("folder", FOLDERS)
def test_settings_are_the_defaults(folder: str) -> None:
    text = (REPO / ".env.example").read_text("utf-8")
    defaults = dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))
    (shared,) = of_kind(folder, "ConfigMap").values()
    assert shared["data"].items() <= defaults.items()


@BOTH
def test_limits_are_those_of_compose(deployment: str, service: str) -> None:
    limits = container(NGINX, deployment)["resources"]["limits"]
    assert size(limits["memory"]) == size(filled_in(COMPOSE[service]["mem_limit"]))
    if service == "nginx":
        assert limits["cpu"] == str(COMPOSE[service]["cpus"])


@BOTH
def test_what_may_be_written_is_as_in_compose(deployment: str, service: str) -> None:
    given = COMPOSE[service]["tmpfs"]
    mounts = dict(each.split(":") for each in ([given] if isinstance(given, str) else given))
    volumes = {each["name"]: each for each in pods(NGINX)[deployment]["spec"]["volumes"]}
    for mount in container(NGINX, deployment)["volumeMounts"]:
        folder = volumes[mount["name"]]["emptyDir"]
        option = mounts.pop(mount["mountPath"])
        assert folder["medium"] == "Memory"
        if option.startswith("size="):
            assert size(folder["sizeLimit"]) == size(option.removeprefix("size="))
    assert not mounts


@BOTH
def test_stopping_takes_as_long_as_in_compose_after_the_drain(
    deployment: str, service: str
) -> None:
    drain = container(NGINX, deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pods(NGINX)[deployment]["spec"]["terminationGracePeriodSeconds"]
    assert grace - drain == int(COMPOSE[service]["stop_grace_period"].removesuffix("s"))


@BOTH
def test_users_and_ports_are_those_of_the_images(deployment: str, service: str) -> None:
    build = COMPOSE[service]["build"]
    file = REPO / build["context"] / build.get("dockerfile", "Dockerfile")
    text = file.read_text("utf-8")
    context = pods(NGINX)[deployment]["spec"]["securityContext"]
    user = re.search(r"^USER (\d+):(\d+)$|as uid (101)\b", text, re.MULTILINE)
    assert user
    assert str(context["runAsUser"]) == (user[1] or user[3])
    (port,) = container(NGINX, deployment)["ports"]
    exposed = re.search(r"^EXPOSE (\d+)$", text, re.MULTILINE)  # a later stage runs without NGINX
    assert exposed
    assert exposed[1] == str(port["containerPort"])


def test_api_keys_are_read_where_compose_puts_them() -> None:
    name = "API_KEYS_FILE"
    given = COMPOSE["inference_app"]["environment"][name]
    assert environment(COMPLETE, "inference-app")[name] == given[len("${API_KEYS_FILE:+") : -1]


def test_https_is_set_up_as_in_compose() -> None:
    text = (REPO / "docker-compose.tls.yml").read_text("utf-8")
    nginx = yaml.safe_load(text)["services"]["nginx"]
    given = nginx["environment"].keys() - {"HTTPS_PORT"}  # 443, the default
    assert given <= environment(COMPLETE, "inference-nginx").keys()
    container_ports = container(COMPLETE, "inference-nginx")["ports"]
    ports = {port["name"]: port["containerPort"] for port in container_ports}
    service = of_kind(COMPLETE, "Service")["inference"]["spec"]["ports"]
    (https,) = [port for port in service if port["name"] == "https"]
    (port,) = nginx["ports"]
    assert port.endswith(f"${{HTTPS_PORT:-{https['port']}}}:{ports[https['targetPort']]}")
