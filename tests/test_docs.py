"""What docs/ says is true: settings, variables, versions, files, links. stack/ runs commands."""

import json
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest
import yaml

from docs import rooms, settings
from inference_app import errors
from tests.conftest import REPO
from tests.support.readme import blocks, commands, table_rows

# The repository's own files, by their paths.
FILES = [
    "/" + str(path.relative_to(REPO))
    for path in REPO.rglob("*")
    if not path.relative_to(REPO).parts[0].startswith(".venv")
]

DOCUMENTS = ["README.md", *(f"docs/{path.name}" for path in sorted((REPO / "docs").glob("*.md")))]

NAMING_NO_FILES = ("docs/index.md", "docs/licences.md", "docs/migrating.md", "docs/protocols.md")

# Where tests run the commands under each heading.
RUN_IN = {
    "docs/architecture.md": {},
    "docs/benchmarks.md": {},
    "docs/contributing.md": {"How to test": "test_docs.py"},
    "docs/index.md": {},
    "docs/integrating.md": {
        "With curl": "stack/test_docs.py",
        "With post_request.py": "stack/test_docs.py",
        "A folder of pictures": "stack/test_docs.py",
    },
    "docs/licences.md": {},
    "docs/load-testing.md": {
        "Load test": "stack/test_docs.py",
        "More load than one core can make": "stack/test_docs.py",
    },
    "docs/migrating.md": {
        "From TorchServe": "prepare/test_torchserve_archive.py, clients/test_documents.py",
    },
    "docs/models.md": {
        "Preparing a model": "stack/test_readme.py",
        "ONNX files": "prepare/test_onnx_file.py",
        "With torch, and on GPUs": "stack/test_local.py",
        "int8": "prepare/test_quantise.py",
        "Measuring a model": "evaluate/test_command.py",
        "Training a head": "train/test_command.py",
    },
    "docs/operating.md": {
        "Before you start": "stack/test_docs.py",
        "Docker": "stack/test_readme.py",
        "The app alone": "stack/test_docker.py",
        "How many replicas": "benchmarks/test_queueing.py",
        "HTTPS": "stack/test_docs.py, stack/test_docker_https.py",
        "API keys": "stack/test_docs.py",
        "Traces": "stack/test_docs.py",
        "Upgrades and roll-back": "stack/test_docs.py",
        "Another model without a gap": "stack/test_swap.py, stack/test_docker.py",
        "Docker Swarm": "stack/test_swarm.py",
    },
    "docs/protocols.md": {
        "Hugging Face": "clients/test_documents.py",
        "Open Inference Protocol": "clients/test_documents.py",
        "TorchServe": "clients/test_documents.py",
    },
    "docs/releasing.md": {"The images": "stack/test_images.py"},
    "docs/settings.md": {},
    "docs/training.md": {"Training a whole network": "train/test_finetuning.py"},
}


def test_the_drawing_of_the_rooms_is_up_to_date() -> None:
    assert rooms.PAGE.read_text("utf-8") == rooms.page(), "run: python -m docs.rooms"


def test_the_settings_page_is_the_table() -> None:
    assert settings.PAGE.read_text("utf-8") == settings.page(), "run: python -m docs.settings"


def test_the_settings_page_has_every_setting() -> None:
    example = re.findall(r"^([A-Z_]+)=", settings.EXAMPLE.read_text("utf-8"), re.MULTILINE)
    rows = {row[0].strip("`") for row in table_rows("docs/settings.md")}
    assert rows >= set(example)
    assert ["`PORT`", "`8000`"] in [row[:2] for row in table_rows("docs/settings.md")]


def test_every_command_is_under_a_heading_whose_commands_are_run() -> None:
    found = {document: set(commands(document)) for document in DOCUMENTS if document in RUN_IN}
    assert found == {document: set(headings) for document, headings in RUN_IN.items()}


def test_every_variable_of_tracing_is_explained() -> None:
    cells = " ".join(row[0] for row in table_rows("docs/operating.md"))
    explained = set(re.findall(r"`(OTEL_\w+)`", cells))
    code = (REPO / "inference_app" / "telemetry" / "tracing.py").read_text("utf-8")
    compose = yaml.safe_load((REPO / "docker-compose.tracing.yml").read_text("utf-8"))
    passed = compose["services"]["inference_app"]["environment"]
    assert set(re.findall(r'"(OTEL_\w+)"', code)) <= explained
    assert {name for name in passed if name.startswith("OTEL_")} <= explained


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", (REPO / document).read_text("utf-8")):
        assert link.startswith("https://") or (REPO / document).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document: str) -> None:
    text = (REPO / document).read_text("utf-8")
    names = set(re.findall(r"[\w./-]+\.(?:py|sh|yml|toml)\b", re.sub(r"https?://\S+", "", text)))
    assert names or document in NAMING_NO_FILES
    for name in names:
        assert any(path.endswith("/" + name.removeprefix("./")) for path in FILES), name


def test_every_status_in_the_troubles_is_one_that_is_answered() -> None:
    statuses = {error.status for error in errors.RequestError.__subclasses__()} | {502, 429}
    named = re.findall(r"^\| (\d{3})\b", (REPO / "docs/operating.md").read_text("utf-8"), re.M)
    assert len(named) >= 8
    assert {int(status) for status in named} <= statuses


def test_the_figures_are_those_that_were_measured() -> None:
    results = json.loads((REPO / "benchmarks/results/growth.json").read_text("utf-8"))
    rows = table_rows("docs/operating.md")
    for kind in ("workers", "megapixels"):
        for each in results[kind]:
            rate, memory = f"{each['images_per_s']:.0f}", f"{each['pss_mb']:.0f} MB"
            assert [f"{each[kind]:g}", rate, memory] in rows


def test_the_drawing_names_every_stage() -> None:
    (drawing,) = blocks("docs/architecture.md", "mermaid")["The path of a request"]
    assert drawing.startswith("sequenceDiagram\n")
    for stage in ("admission", "upload", "image", "batcher", "openvino", "classifier", "responses"):
        assert f"{stage}.py" in drawing


@pytest.mark.parametrize("line", commands("docs/contributing.md")["How to test"])
def test_every_command_of_contributors_exists(line: str) -> None:
    program, *arguments = line.split()
    if program == ".venv/bin/python" and arguments[1] == "pytest":
        collect = [sys.executable, *arguments, "--collect-only", "-q"]
        assert subprocess.run(collect, cwd=REPO, capture_output=True).returncode == 0
    elif program == ".venv/bin/python":
        assert find_spec(arguments[1])
    elif program.startswith(".venv/bin/"):
        assert shutil.which(program.removeprefix(".venv/bin/"))
    else:
        assert (REPO / program).stat().st_mode & 0o111
