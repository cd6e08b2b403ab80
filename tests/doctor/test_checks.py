"""What doctor finds on this machine and on made-up ones, and what it advises."""

import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import openvino
import pytest

from inference_app.doctor import checks, machine
from inference_app.doctor.checks import Finding, examine
from inference_app.pool import shared_memory
from tests.support.server import free_port, serving
from tests.test_main import run

GB = 1_000_000_000


def found(**environ: str | Path) -> dict[str, Finding]:
    """Return the findings by subject, under just these settings."""
    settings = {"PORT": str(free_port()), **{name: str(each) for name, each in environ.items()}}
    return {finding.subject: finding for finding in examine(settings)}


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    """Listen on a port, and send nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_here_nothing_fails() -> None:
    findings = found()
    assert {finding.level for finding in findings.values()} <= {"ok", "warn"}
    assert findings["settings"].found.startswith("PORT=")
    assert "200 classes" in findings["model"].found
    assert findings["model"].level == "warn"


def test_every_complaint_says_what_to_change(model_folder: Path) -> None:
    (model_folder / "model.bin").write_bytes(b"")
    findings = found(MODEL_PATH=model_folder, WORKERS="99", DEADLINE="60")
    complaints = [each for each in findings.values() if each.level != "ok"]
    assert {"model", "workers", "times"} <= {each.subject for each in complaints}
    assert all(each.advice or "prepare" in each.found for each in complaints)


def test_bad_settings_fail_and_the_machine_is_still_looked_at() -> None:
    findings = found(WORKERS="many", PORT="0")
    assert findings["settings"].level == "fail"
    assert "WORKERS must be" in findings["settings"].found
    assert "PORT must be" in findings["settings"].found
    assert "cpu" in findings
    assert "model" not in findings


def test_a_damaged_model_fails(model_folder: Path) -> None:
    (model_folder / "labels.json").write_text("[]")
    finding = found(MODEL_PATH=model_folder)["model"]
    assert finding.level == "fail"
    assert "labels.json is not the file that was prepared" in finding.found


@pytest.mark.parametrize(
    ("inside", "command"),
    [
        (False, "MODEL_ID=microsoft/resnet-50 ./run_local.sh"),
        (True, "MODEL_ID=microsoft/resnet-50 ./run_docker.sh"),
    ],
)
def test_the_demonstration_model_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, model_folder: Path, inside: bool, command: str
) -> None:
    """Also as a copy, which is what the image holds."""
    monkeypatch.setattr(machine, "in_container", lambda: inside)
    finding = found(MODEL_PATH=model_folder)["model"]
    assert finding.level == "warn"
    assert "wrong about half the time" in finding.advice
    assert finding.advice.endswith(command)


def test_a_folder_that_is_no_model_fails(tmp_path: Path) -> None:
    findings = found(MODEL_PATH=tmp_path)
    assert [findings[each].level for each in ("model", "precision")] == ["fail", "fail"]


def test_a_port_that_is_taken_fails_and_says_by_whom(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    finding = found(PORT=str(port))["port"]
    assert finding.level == "fail"
    assert finding.found == f"127.0.0.1:{port}: taken by {machine.listener(port)}"
    assert finding.advice == "set PORT to another"


def test_an_address_that_is_not_ours_fails() -> None:
    assert found(HOST="192.0.2.1")["port"].level == "fail"  # RFC 5737: for documentation
    assert found(HOST="no such host")["port"].level == "fail"


def test_a_port_beside_nginx_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    for inside, level in ((False, "warn"), (True, "ok")):
        monkeypatch.setattr(machine, "in_container", lambda inside=inside: inside)
        assert found(HOST="0.0.0.0")["port"].level == level  # noqa: S104
    assert found(HOST="localhost")["port"].level == "ok"


def test_nginx_s_port_is_warned_of(taken: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    for text, level in ((str(taken.getsockname()[1]), "warn"), ("x", "fail"), ("70000", "fail")):
        monkeypatch.setenv("HTTP_PORT", text)
        assert found()["http_port"].level == level


@pytest.mark.parametrize(
    ("memory", "level"), [(None, "ok"), (64 * GB, "ok"), (GB, "warn"), (GB // 10, "fail")]
)
def test_memory_is_compared(
    monkeypatch: pytest.MonkeyPatch, memory: int | None, level: str
) -> None:
    monkeypatch.setattr(checks, "available_memory", lambda: memory)
    assert found(WORKERS="2")["memory"].level == level


def test_smaller_pictures_need_less_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "available_memory", lambda: GB)
    settings = {"WORKERS": "2", "MAX_MEGAPIXELS": "1", "MAX_UPLOAD_MB": "8"}
    assert found(**settings)["memory"].level == "ok"


@pytest.mark.parametrize(("limit", "level"), [(None, "ok"), (2048, "ok"), (100, "fail")])
def test_processes_are_compared(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, level: str
) -> None:
    monkeypatch.setattr(machine, "processes", lambda: limit)
    assert found(WORKERS="2", INFERENCE_THREADS="2")["processes"].level == level


@pytest.mark.parametrize(
    ("features", "level"), [(["avx2"], "ok"), (["asimd"], "ok"), (["sve"], "warn"), ([], "ok")]
)
def test_a_cpu_without_avx2_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, features: list[str], level: str
) -> None:
    monkeypatch.setattr(machine, "cpu_features", lambda: features)
    assert found()["cpu"].level == level


@pytest.mark.parametrize(("limit", "level"), [(256, "warn"), (20_000, "ok"), (None, "ok")])
def test_few_open_files_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, level: str
) -> None:
    monkeypatch.setattr(machine, "open_files", lambda: limit)
    assert found()["files"].level == level


def test_heartbeats_need_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path / "away")
    assert found()["heartbeats"].level == "warn"
    monkeypatch.setattr(shared_memory, "FOLDER", tmp_path)
    assert found()["heartbeats"].level == "ok"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert found()["heartbeats"].level == "fail"


@pytest.mark.parametrize(
    ("said", "level"), [("nginx/1.30.6", "ok"), ("nginx/1.18.0", "warn"), ("?", "warn")]
)
def test_nginx_is_asked_for_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, level: str
) -> None:
    (tmp_path / "nginx").write_text(f"#!/bin/sh\necho 'nginx version: {said}' >&2\n")
    (tmp_path / "nginx").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert found()["nginx"].level == level


@pytest.mark.parametrize(("inside", "level"), [(True, "ok"), (False, "warn")])
def test_nginx_is_missed_outside_containers_alone(
    monkeypatch: pytest.MonkeyPatch, inside: bool, level: str
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    monkeypatch.setattr(machine, "in_container", lambda: inside)
    assert found()["nginx"].level == level


def test_keys_are_read(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("0123456789abcdef\n")
    assert found(API_KEYS_FILE=keys)["api_keys"] == ("ok", "api_keys", str(keys), "")
    keys.write_text("short")
    assert found(API_KEYS_FILE=keys)["api_keys"].level == "fail"


@pytest.mark.parametrize(
    ("precision", "features", "expected"),
    [
        ("auto", ["avx2"], ("ok", "auto: computes in fp32")),
        ("auto", ["avx512_bf16"], ("ok", "auto: computes in bf16")),
        ("bf16", ["avx512_bf16"], ("ok", "bf16: computes in bf16")),
        ("bf16", ["avx512_vnni"], ("warn", "bf16: computes in bf16")),
        ("int8", ["avx512_vnni"], ("ok", "int8: computes in int8")),
        ("int8", ["asimddp"], ("ok", "int8: computes in int8")),
        ("int8", ["avx2"], ("ok", "int8: computes in int8, at half the speed without VNNI")),
        ("int8", [], ("ok", "int8: computes in int8")),
    ],
)
def test_precision_is_compared_with_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
    model_folder: Path,
    precision: str,
    features: list[str],
    expected: tuple[str, str],
) -> None:
    manifest = model_folder / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"precision": precision}))
    capabilities = ["FP32", "BF16"] if "avx512_bf16" in features else ["FP32"]
    monkeypatch.setattr(openvino.Core, "get_property", lambda *_: capabilities)
    monkeypatch.setattr(machine, "cpu_features", lambda: features)
    finding = found(MODEL_PATH=model_folder)["precision"]
    assert (finding.level, finding.found) == expected


def test_spans_that_cannot_be_sent_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4317")
    assert found()["tracing"] == ("ok", "tracing", "http://a:4317", "")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert found()["tracing"].level == "fail"


def test_the_command_prints_aligned_lines() -> None:
    done = run("doctor", settings={"PORT": str(free_port()), "GRACEFUL_TIMEOUT": "1"})
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert any(line.startswith("ok    versions   inference_app ") for line in lines)
    at = lines.index("warn  times      responds within 10 s, stops within 1 s")
    assert lines[at + 1].strip() == "-> stopping drops requests: set GRACEFUL_TIMEOUT to 15"


@pytest.mark.parametrize(("settings", "code"), [({}, 0), ({"WORKERS": "0"}, 1)])
def test_the_command_prints_json(settings: dict[str, str], code: int) -> None:
    done = run("doctor", "--json", settings={"PORT": str(free_port()), **settings})
    response = json.loads(done.stdout)
    assert (done.returncode, response["ok"]) == (code, code == 0)
    assert set(response["findings"][0]) == {"level", "subject", "found", "advice"}


def test_it_knows_a_server_that_runs(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        done = run("doctor", settings={"PORT": str(server.port)})
    assert done.returncode == 0
    assert f"{server.port} is this server's, which serves resnet-tiny-imagenet" in done.stdout
