"""One hostile request."""

from dataclasses import dataclass, field

# No case may be answered with a fault of ours, whatever it is; most must be refused.
SURVIVES = frozenset({200, 400, 413, 415, 422})
REFUSED = SURVIVES - {200}
FINE = frozenset({200})


@dataclass(frozen=True)
class Case:
    """A request, and the statuses that are right for it."""

    name: str
    body: bytes
    statuses: frozenset[int] = SURVIVES
    method: str = "POST"
    path: str = "/predict"
    headers: dict[str, str] = field(default_factory=dict)

    def __bytes__(self) -> bytes:
        """Return the request as it goes over the wire, whatever its parts hold."""
        lines = [f"{self.method} {self.path} HTTP/1.1"] + [
            f"{name}: {value}"
            for name, value in {
                "Host": "localhost",
                "Connection": "close",
                "Content-Length": len(self.body),
                **self.headers,
            }.items()
        ]
        return "\r\n".join([*lines, "\r\n"]).encode() + self.body
