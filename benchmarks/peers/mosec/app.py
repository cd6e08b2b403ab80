"""Mosec. https://mosecorg.github.io/mosec/reference/interface.html."""

from typing import Any

from mosec import Server, Worker

from benchmarks.peers import engines


class Classifier(Worker):
    """Takes the picture as the request's body."""

    def __init__(self) -> None:
        super().__init__()
        self.model = engines.load()

    def deserialize(self, data: bytes) -> Any:
        """Decode the picture."""
        return self.model.decode(data)

    def forward(self, data: Any) -> Any:
        """Classify a batch, or one when BATCH is 1."""
        labels = self.model.infer(data if engines.BATCH > 1 else [data])
        answers = [{"label": label} for label in labels]
        return answers if engines.BATCH > 1 else answers[0]


if __name__ == "__main__":
    server = Server()
    wait = engines.BATCH_WAIT_MS if engines.BATCH > 1 else 0
    server.append_worker(
        Classifier, num=engines.WORKERS, max_batch_size=engines.BATCH, max_wait_time=wait
    )
    server.run()
