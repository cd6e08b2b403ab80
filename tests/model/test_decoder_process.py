"""Images are decoded in another process as they are in this one, and that process can be ended."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from inference_app.config import Settings
from inference_app.errors import DamagedPicture, RequestError, UnsupportedPicture
from inference_app.model import decoder_process, image
from inference_app.model.classifier import Classifier
from inference_app.model.decoder_process import DecoderProcess
from inference_app.model.preprocessing import Preprocessing
from tests.support.server import wait_until


@pytest.fixture
def process() -> Iterator[DecoderProcess]:
    process = DecoderProcess()
    yield process
    process.close()


@pytest.fixture
def wanted(classifier: Classifier) -> Preprocessing:
    return classifier.model.preprocessing


def pid(process: DecoderProcess) -> int:
    assert process._process
    return process._process.pid


def test_an_image_is_decoded_as_it_is_here(
    process: DecoderProcess, wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    expected = image.decode(espresso, wanted, settings)
    for _ in range(2):
        assert (process.decode(espresso, wanted, settings) == expected).all()


def test_what_decoding_raises_is_raised_here(
    process: DecoderProcess, wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    with pytest.raises(DamagedPicture, match="damaged"):
        process.decode(espresso[:2000], wanted, settings)
    strict = replace(settings, picture_formats=("PNG",))
    with pytest.raises(UnsupportedPicture, match=r"accepted \(PNG\)"):
        process.decode(espresso, wanted, strict)
    assert process.decode(espresso, wanted, settings).size


def test_a_fault_of_ours_keeps_its_traceback(
    process: DecoderProcess, wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    unknown = replace(settings, picture_formats=("XYZ",))
    with pytest.raises(RuntimeError, match=r"in _format[\s\S]*KeyError: 'XYZ'"):
        process.decode(espresso, wanted, unknown)


def test_nothing_that_the_process_sends_is_run(
    process: DecoderProcess,
    wanted: Preprocessing,
    settings: Settings,
    espresso: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = (
        "import pickle, sys, time; sys.stdout.buffer.write(pickle.dumps(print) + b'\\n');"
        "sys.stdout.flush(); time.sleep(600)"
    )

    def start() -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe)

    monkeypatch.setattr(decoder_process, "_start", start)
    with pytest.raises(RuntimeError, match="no valid reply"):
        process.decode(espresso, wanted, settings)


def test_the_kernel_ends_it_before_a_worker_and_other_work_goes_before_it(
    process: DecoderProcess, wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    process.decode(espresso, wanted, settings)
    score = Path(f"/proc/{pid(process)}/oom_score_adj").read_text()
    assert int(score) == decoder_process.OOM_SCORE
    here = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, pid(process)) == min(19, here + decoder_process.NICE)


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGKILL, MemoryError), (signal.SIGABRT, RuntimeError)]
)
def test_when_it_dies_one_image_fails_and_the_next_is_decoded(
    process: DecoderProcess,
    wanted: Preprocessing,
    settings: Settings,
    espresso: bytes,
    number: int,
    error: type[Exception],
) -> None:
    process.decode(espresso, wanted, settings)
    os.kill(pid(process), signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(process.decode, espresso, wanted, settings)
        os.kill(pid(process), number)
        os.kill(pid(process), signal.SIGCONT)
        with pytest.raises(error):
            result.result(30)
    assert process.decode(espresso, wanted, settings).size


def test_it_can_be_stopped_while_it_decodes(
    process: DecoderProcess, wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    process.decode(espresso, wanted, settings)
    first = pid(process)
    os.kill(first, signal.SIGSTOP)  # it hangs
    began = threading.Event()

    def decode() -> None:
        began.set()
        process.decode(espresso, wanted, settings)

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(decode)
        assert began.wait(30)
        process.stop()
        with pytest.raises((MemoryError, RuntimeError, RequestError)):
            result.result(30)
    assert process.decode(espresso, wanted, settings).size
    assert pid(process) != first


def test_it_ends_with_the_process_that_started_it(
    wanted: Preprocessing, settings: Settings, espresso: bytes
) -> None:
    tell, told = os.pipe()
    parent = os.fork()
    if not parent:
        process = DecoderProcess()
        process.decode(espresso, wanted, settings)
        os.write(told, str(pid(process)).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    child = int(os.read(tell, 20))
    os.waitpid(parent, 0)
    wait_until(lambda: not Path(f"/proc/{child}").exists() or is_zombie(child), "it has ended")
    os.close(tell)
    os.close(told)


def is_zombie(process: int) -> bool:
    return " Z " in Path(f"/proc/{process}/stat").read_text()
