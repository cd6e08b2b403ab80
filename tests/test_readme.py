"""What the documents say of the code is true: settings, errors, commands."""

import re
import subprocess
import sys

import pytest
import yaml
from flask.testing import FlaskClient

from docs.settings import app_settings
from inference_app import errors
from tests.conftest import REPO
from tests.support.readme import commands, table_rows

# Where tests run the commands under each heading.
RUN_IN = {
    "Start": "conftest.py",  # run_local.sh: the fixture `local`; run_tests.sh runs this
    "Send a picture": "stack/test_readme.py",
    "Clients of other servers": "stack/test_readme.py",
    "Models": "stack/test_readme.py",
    "Docker": "stack/test_readme.py",
}
FIGURES = ("README.md", "docs/benchmarks.md")  # whose tables have a command in each row
# Fixed inside a container, or set by Vertex AI, which runs the app without the stack.
NOT_OF_THE_STACK = {"MODEL_PATH", "HOST", "PORT", "AIP_HEALTH_ROUTE", "AIP_PREDICT_ROUTE"}


def test_the_readme_is_short_enough_to_be_read() -> None:
    assert len((REPO / "README.md").read_text("utf-8").splitlines()) <= 130


def test_every_setting_of_the_stack_is_in_the_example_with_its_default() -> None:
    lines = (REPO / ".env.example").read_text("utf-8").splitlines()
    for name, default, help_, _ in app_settings():
        if name not in NOT_OF_THE_STACK:
            assert f"{name}={default}" in lines
            assert f"# {help_}" in lines


def test_compose_passes_every_setting_on() -> None:
    compose = yaml.safe_load((REPO / "docker-compose.yml").read_text("utf-8"))
    passed = set(compose["services"]["inference_app"]["environment"])
    assert passed == {row[0] for row in app_settings()} - NOT_OF_THE_STACK


def test_the_example_names_every_variable_of_compose() -> None:
    files = ("docker-compose.yml", "docker-compose.tls.yml", "deploy/swarm/stack.yml")
    text = "".join((REPO / file).read_text("utf-8") for file in files)
    used = set(re.findall(r"\$\{([A-Z_]+)", text))
    example = set(re.findall(r"^([A-Z_]+)=", (REPO / ".env.example").read_text("utf-8"), re.M))
    assert used == example


@pytest.mark.parametrize("error", errors.RequestError.__subclasses__())
def test_every_error_is_in_the_client_guide(error: type[errors.RequestError]) -> None:
    listed = {(row[0], row[1]) for row in table_rows("docs/integrating.md") if len(row) == 3}
    assert (str(error.status), f"`{error.type}`") in listed


def test_every_metric_is_in_the_operations_guide(client: FlaskClient) -> None:
    exposed = set(re.findall(r"^# TYPE (inference_app_\w+)", client.get("/metrics").text, re.M))
    cells = [row[0] for row in table_rows("docs/operating.md") if len(row) == 2]
    listed = set(re.findall(r"`(inference_app_\w+)`", " ".join(cells)))
    assert listed == {name for name in exposed if not name.endswith("_created")}


def test_every_command_is_under_a_heading_whose_commands_are_run() -> None:
    assert set(commands()) == set(RUN_IN)


def test_the_start_is_two_commands_and_a_real_model() -> None:
    assert commands()["Start"] == [
        "./run_local.sh",
        "./run_tests.sh",
        "MODEL_ID=microsoft/resnet-50 ./run_docker.sh",
    ]


def _is_figure(row: list[str]) -> bool:
    return len(row) > 2 and "python" in row[2]


@pytest.mark.parametrize(
    "command",
    sorted({row[2].strip("`") for page in FIGURES for row in table_rows(page) if _is_figure(row)}),
)
def test_every_figure_has_a_command_that_exists(command: str) -> None:
    words = command.removeprefix(".venv/bin/python ").split()
    check = ["--collect-only", "-q"] if "pytest" in words else ["--help"]
    run = subprocess.run([sys.executable, *words, *check], cwd=REPO, capture_output=True)
    assert run.returncode == 0, run.stdout
