"""Another model for the whole stack, under load, by the commands of the operations guide."""

import shlex
import subprocess

import pytest

from inference_app.config import BUNDLED_MODEL
from inference_app.model import prepared
from tests.stack.load import Load
from tests.stack.running import Stack, workers
from tests.support.models import relabelled
from tests.support.readme import commands

PLAIN, CHECKED = (
    line
    for line in commands("docs/operating.md")["Another model without a gap"]
    if "docker" not in line
)


def swap(stack: Stack, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line where the stack was started."""
    return subprocess.run(
        shlex.split(line),
        cwd=stack.checkout,
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_no_request_fails_while_the_model_is_swapped(local: Stack) -> None:
    new, old = local.checkout / "models" / "new", local.checkout / "inference_app" / "bundled"
    relabelled(new)
    with Load(local.url, clients=4) as load:
        for line in (PLAIN, PLAIN.replace("models/new", str(old))) * 2:
            load.wait_for(50)
            done = swap(local, line)
            assert done.returncode == 0, done.stderr
            assert len(workers(local)) == 2
        load.wait_for(50)
    assert load.failures == {}
    hashes = {path: prepared.read(path).digest for path in (BUNDLED_MODEL, new)}
    assert load.answers == {
        (hashes[BUNDLED_MODEL], "espresso"),
        (hashes[new], "other espresso"),
    }


@pytest.mark.parametrize("damage", ["file", "answers"])
def test_a_model_that_fails_its_check_is_never_served(local: Stack, damage: str) -> None:
    new = local.checkout / "models" / f"new-{damage}"
    relabelled(new)  # so that no class id is the same
    if damage == "file":
        (new / "labels.json").write_text("[]")
    before = workers(local)
    with Load(local.url, clients=2) as load:
        done = swap(local, CHECKED.replace("models/new", str(new)))
        load.wait_for(20)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert load.failures == {}
    assert load.answers == {(prepared.read(BUNDLED_MODEL).digest, "espresso")}
    assert workers(local) == before
