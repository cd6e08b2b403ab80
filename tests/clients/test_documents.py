"""What the pages on protocols and on migrating show is what a server does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.environment import node, python
from tests.conftest import ESPRESSO
from tests.support.readme import blocks, commands
from tests.support.server import Server

PAGE = "docs/protocols.md"
LINES = [
    line
    for heading in ("Hugging Face", "Open Inference Protocol", "TorchServe")
    for line in commands(PAGE)[heading]
] + commands("docs/migrating.md")["From TorchServe"][1:]


def there(text: str, server: Server) -> str:
    """Return a document's text with the server's address and the model's name."""
    text = text.replace("http://localhost:8080", server.url)
    return text.replace("/resnet-50", "/resnet-tiny-imagenet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a folder with photo.jpg."""
    shutil.copyfile(ESPRESSO, tmp_path / "photo.jpg")
    return tmp_path


@pytest.mark.parametrize("line", LINES)
def test_every_command(server: Server, folder: Path, line: str) -> None:
    words = ["bash", "-c", there(line, server)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    about = "Healthy" if "ping" in line else "resnet-tiny-imagenet"
    assert ("espresso" if "photo.jpg" in line else about) in done.stdout


def test_the_program_in_python(server: Server, folder: Path) -> None:
    (program,) = blocks(PAGE, "python")["Hugging Face"]
    words = [sys.executable, "-c", there(program, server)]
    printed = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("espresso 0.")
    assert len(printed.splitlines()) == 3


def test_the_program_of_tritons_client(server: Server, folder: Path) -> None:
    (program,) = blocks(PAGE, "python")["Open Inference Protocol"]
    address = server.url.removeprefix("http://")
    text = program.replace("localhost:8080", address).replace("resnet-50", "resnet-tiny-imagenet")
    words = [str(python()), "-c", text]
    printed = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert "0.769" in printed
    assert ":193:espresso" in printed


def test_the_program_in_javascript(server: Server, folder: Path) -> None:
    (program,) = blocks(PAGE, "js")["Hugging Face"]
    (file := node() / "documented.mjs").write_text(there(program, server))
    printed = subprocess.run(["node", file], cwd=folder, capture_output=True, text=True, check=True)
    assert printed.stdout.count("label:") == 3
    assert "espresso" in printed.stdout
