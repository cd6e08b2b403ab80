"""Normal clients and attackers against a small server; nothing is measured here."""

from benchmarks import fairness


def test_clients_of_both_kinds_are_counted_apart(url: str) -> None:
    load = fairness.load(url, [b"200"] * 4, 0.5, (b"413", "text/plain"))
    assert set(load.normal) == {"200"}
    assert set(load.attackers) == {"413"}
    assert load.readyz_max_ms > 0


def test_no_attackers_without_an_attack(url: str) -> None:
    assert not fairness.load(url, [b"200"] * 4, 0.1).attackers


def test_the_table_has_a_line_for_each_attack() -> None:
    row = {"share": 0.5, "alone_per_s": 100, "beside_per_s": 50, "readyz_max_ms": 9, "bytes": 4600}
    lines = fairness.table({"attacks": {"a bomb": row, "another": row}}).splitlines()
    assert len(lines) == 3
    assert lines[1] == " 0.50    100.0     50.0         9  a bomb, 4,600 bytes"
