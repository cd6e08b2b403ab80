"""Charts: the same figures give the same file, so that a diff shows what changed."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(figure: "Figure", path: Path) -> None:
    """Write an SVG without its date, and with the same ids every time."""
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = "benchmarks"
    figure.savefig(path, metadata={"Date": None})
