"""The manifests describe the stack that docker-compose.yml does: one truth."""

import re

import pytest
import yaml

from tests.conftest import REPO
from tests.deploy.kubernetes import container, environment, needs_kustomize, of_kind, pods

pytestmark = needs_kustomize

COMPOSE = yaml.safe_load((REPO / "docker-compose.yml").read_text("utf-8"))["services"]
SERVICES = {"inference-app": "inference_app", "inference-nginx": "nginx"}
BOTH = pytest.mark.parametrize(("deployment", "service"), SERVICES.items())
NGINX, EXAMPLE = "overlays/nginx", "overlays/example"


def example() -> dict[str, str]:
    """Return the defaults in .env.example."""
    text = (REPO / ".env.example").read_text("utf-8")
    return dict(re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE))


def filled_in(text: str) -> str:
    """Return a value of docker-compose.yml, with the defaults that are in it."""
    return re.sub(r"\$\{\w+:-(.*?)\}", r"\1", text)


def size(text: str) -> int:
    """Return the bytes of a size, as Docker (64m) or Kubernetes (64Mi) writes it."""
    number, unit = re.fullmatch(r"(\d+)([mg])i?", text.lower()).groups()  # type: ignore[union-attr]
    return int(number) << {"m": 20, "g": 30}[unit]


@BOTH
def test_images_are_those_of_compose(deployment: str, service: str) -> None:
    assert container(NGINX, deployment)["image"] == filled_in(COMPOSE[service]["image"])


@BOTH
def test_settings_are_those_of_compose(deployment: str, service: str) -> None:
    settings = environment(NGINX, deployment)
    for name in COMPOSE[service]["environment"]:
        if name != "API_KEYS_FILE":  # a component's
            assert settings[name] == example()[name]


def test_there_is_no_setting_that_compose_does_not_have() -> None:
    (settings,) = of_kind(NGINX, "ConfigMap").values()
    known = {name for service in SERVICES.values() for name in COMPOSE[service]["environment"]}
    assert settings["data"].keys() == known - {"API_KEYS_FILE"}


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
    assert re.findall(r"^EXPOSE (\d+)$", text, re.MULTILINE) == [str(port["containerPort"])]


def test_api_keys_are_read_where_compose_puts_them() -> None:
    name = "API_KEYS_FILE"
    given = COMPOSE["inference_app"]["environment"][name]
    assert environment(EXAMPLE, "inference-app")[name] == given[len("${API_KEYS_FILE:+") : -1]


def test_https_is_set_up_as_in_compose() -> None:
    text = (REPO / "docker-compose.tls.yml").read_text("utf-8")
    nginx = yaml.safe_load(text)["services"]["nginx"]
    assert nginx["environment"].keys() <= environment(EXAMPLE, "inference-nginx").keys()
    container_ports = container(EXAMPLE, "inference-nginx")["ports"]
    ports = {port["name"]: port["containerPort"] for port in container_ports}
    service = of_kind(EXAMPLE, "Service")["inference"]["spec"]["ports"]
    (https,) = [port for port in service if port["name"] == "https"]
    assert nginx["ports"] == [f"${{HTTPS_PORT:-{https['port']}}}:{ports[https['targetPort']]}"]
