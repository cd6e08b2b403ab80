"""What a person asks of a training."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Say = Callable[[str], None]

# Peaks of the one-cycle schedule, for AdamW.
FINE_TUNING, FROM_SCRATCH = 2e-4, 1e-3


@dataclass(frozen=True)
class Options:
    """The options of a training of a whole network; `command` is what was typed."""

    data: Path
    model: str
    output: Path
    name: str
    command: str
    from_scratch: bool = False
    epochs: int = 10
    batch_size: int = 64
    learning_rate: float | None = None
    patience: int = 5
    flip: bool = True
    seed: int = 0

    @property
    def peak(self) -> float:
        """The highest learning rate."""
        return self.learning_rate or (FROM_SCRATCH if self.from_scratch else FINE_TUNING)

    def settings(self) -> dict[str, Any]:
        """Return what shapes the result, apart from the pictures and the model."""
        return {
            "from_scratch": self.from_scratch,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.peak,
            "patience": self.patience,
            "flip": self.flip,
            "seed": self.seed,
        }
