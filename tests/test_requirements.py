"""The lock files agree with each other."""

from tests.conftest import REPO


def pins(name: str) -> set[str]:
    """Return the pinned versions in a lock file."""
    lines = (REPO / "requirements" / f"{name}.txt").read_text("utf-8").splitlines()
    return {line.removesuffix("\\").strip() for line in lines if "==" in line}


def test_tracing_is_serving_and_more() -> None:
    assert pins("serve") < pins("tracing")
    assert not any("opentelemetry" in pin for pin in pins("serve"))
