"""Requests made up from a published description of the protocol are answered as it says.

The Open Inference Protocol's is taken as MLServer has it in its package, since no package has the
original. Of its routes those for generated text are left out.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environment import HERE
from tests.support.server import Server

NOT_OURS = ("_stream", "/generate")
ERROR = {"$ref": "#/components/schemas/InferenceErrorResponse"}
NUMBERS = {"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "string"}]}}


def published(folder: Path) -> dict[str, Any]:
    """Install the package without what it depends on; return the description that it holds."""
    uv = shutil.which("uv") or Path(sys.executable).with_name("uv")
    lock = HERE / "openapi.txt"
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--target", folder, "-r", lock]
    subprocess.run(install, check=True)
    text = (folder / "mlserver/rest/openapi/dataplane.json").read_text("utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def narrowed(document: dict[str, Any]) -> dict[str, Any]:
    """Return the description with our input's name, no faults of ours, and what pictures add."""
    paths = {path: item for path, item in document["paths"].items() if not path.endswith(NOT_OURS)}
    schemas = document["components"]["schemas"] | {"TensorData": NUMBERS}
    schemas["RequestInput"]["properties"]["name"] = {"enum": ["image"]}
    schemas["InferenceErrorResponse"] |= {"required": ["error"], "additionalProperties": False}
    for path, item in paths.items():
        for operation in (item[method] for method in ("get", "post") if method in item):
            operation["responses"].pop("500", None)
            if path.endswith("/infer"):
                refusal = {"description": "", "content": {"application/json": {"schema": ERROR}}}
                operation["responses"] |= dict.fromkeys(("413", "415", "422"), refusal)
    return document | {"paths": paths, "components": document["components"] | {"schemas": schemas}}


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the description to a file, beside Schemathesis' settings."""
    folder = tmp_path_factory.mktemp("description")
    file = folder / "openapi.json"
    file.write_text(json.dumps(narrowed(published(folder / "package"))))
    shutil.copy(HERE / "schemathesis.toml", folder)
    return file


def run(description: Path, url: str) -> subprocess.CompletedProcess[str]:
    """Run Schemathesis against a server."""
    command = [sys.executable, "-m", "schemathesis.cli", "run", str(description), "--url", url]
    options = ["--phases", "coverage,fuzzing", "--max-examples", "30"]
    return subprocess.run(
        [*command, *options, "--generation-deterministic", "--no-color"],
        cwd=description.parent,
        capture_output=True,
        text=True,
    )


def test_the_server_answers_as_described(server: Server, description: Path) -> None:
    done = run(description, server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "9 selected / 9 total" in done.stdout
    assert server.log(level="error") == []


def test_an_answer_that_is_not_described_is_a_failure(server: Server, description: Path) -> None:
    done = run(description, f"{server.url}/nothing")
    assert done.returncode == 1
    assert "Undocumented" in done.stdout
