"""The command line: `inference-app serve`, `predict`, `prepare` or `doctor`."""

import json
import os
import sys
from functools import partial
from pathlib import Path

import click

from inference_app import predict
from inference_app.config import Settings
from inference_app.doctor import checks
from inference_app.errors import RequestError, UserError
from inference_app.evaluate.command import evaluate
from inference_app.model import prepared
from inference_app.model.classifier import Classifier
from inference_app.model.engine import check_installed
from inference_app.pool.run_folder import RunFolder, Served
from inference_app.prepare import MissingPackagesError, is_prepared, prepare_model
from inference_app.prepare.preparation import Preparation
from inference_app.swap import swap
from inference_app.telemetry import tracing
from inference_app.telemetry.logs import printable
from inference_app.timing import Timing
from inference_app.train.command import train
from inference_app.version import __version__
from inference_app.web.api_keys import ApiKeys

# Of glibc's allocator, see mallopt(3): pictures leave no holes behind, and what is large goes back
# to the system. Workers stay as they are through 100,000 mixed requests (see benchmarks/flat.py);
# with its defaults they kept growing. Smaller thresholds cost time: fresh pages must be zeroed.
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "8000000",
    "MALLOC_TRIM_THRESHOLD_": "32000000",
}
MISSING_PACKAGES = 3  # exit status, so that a script can install them and try again


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(version)s")
def cli() -> None:
    """Classify pictures, behind HTTP or here."""


cli.add_command(evaluate)
cli.add_command(swap)
cli.add_command(train)


@cli.command()
@click.option("--waitress", is_flag=True, help="From one process, without Gunicorn, as on Windows.")
def serve(waitress: bool) -> None:
    """Serve POST /predict with Gunicorn; settings come from the environment (see README.md)."""
    settings = Settings.from_environment()
    # A bad model or a bad key ends here, not in a loop of dying workers.
    model = prepared.read(settings.model_path)
    check_installed(model)
    ApiKeys(settings.api_keys_file)
    tracing.check()
    if waitress:
        from inference_app.pool import single  # its package is installed on Windows alone

        single.serve(settings)
        return
    config = Path(__file__).with_name("pool") / "gunicorn.conf.py"
    command = [sys.executable, "-m", "inference_app.pool.arbiter", "--config", str(config)]
    # What workers count in: in memory, so that a full disk cannot stop them. Gunicorn removes it.
    folder = RunFolder.make(settings.port, Served.of(model)).path
    run = {
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "MODEL_PATH": str(model.folder.resolve()),
        "PORT": str(settings.port),  # where a container's health check finds it
    }
    environ = ALLOCATOR | os.environ | run
    os.execve(sys.executable, command, environ)  # noqa: S606


@cli.command("predict")
@click.argument("files", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), help="Show the K most likely classes.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each picture.")
def classify(files: tuple[str, ...], top_k: int | None, as_json: bool) -> None:
    """Classify pictures without a server.

    FILES are files, folders, patterns, or - for stdin. The status is 1 if a picture failed.
    """
    settings = Settings.from_environment()
    classifier = Classifier.load(settings)
    formatter = predict.formatter(as_json, sys.stdout.isatty())
    failed = False
    for file in predict.find(files, predict.suffixes(settings.picture_formats)):
        try:
            ranking = classifier.infer(predict.read(file), Timing()).top(top_k or 1)
            click.echo(formatter(file, ranking, top_k))
        except (OSError, RequestError) as error:
            failed = True
            why = getattr(error, "strerror", None) or error
            click.echo(printable(f"error: {file}: {why}"), err=True)
    sys.exit(failed)


@cli.command()
@click.argument("model_id")
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write [models/NAME].")
@click.option("--revision", help="Commit, branch or tag on the Hub.")
@click.option("--precision", type=click.Choice(["auto", "fp32", "bf16", "int8"]), default="auto")
@click.option(
    "--engine",
    type=click.Choice(list(prepared.NETWORKS)),
    default="openvino",
    envvar="ENGINE",
    help="What runs it: torch takes what OpenVINO cannot, and GPUs.",
)
@click.option("--name", help="What clients see [the last part of MODEL_ID].")
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Folder of pictures to compare answers on, and to calibrate int8 with.",
)
@click.option(
    "--labels",
    type=click.Path(path_type=Path),
    help="File with the classes of a .pth, .mar or .onnx.",
)
@click.option(
    "--input-size",
    type=click.IntRange(min=1),
    help="Edge in pixels, for a .onnx that takes any.",
)
def prepare(
    model_id: str,
    output: Path | None,
    revision: str | None,
    precision: str,
    engine: str,
    name: str | None,
    pictures: Path | None,
    labels: Path | None,
    input_size: int | None,
) -> None:
    """Turn MODEL_ID, an image classifier, into a prepared model.

    MODEL_ID is an id on the Hugging Face Hub, such as microsoft/resnet-50, a local folder in
    Hugging Face format, a file of torchvision's ResNet-50 or DenseNet-121 (.pth, .pt, .pkl, or
    TorchServe's .mar), or a classifier in ONNX (.onnx).
    Precision `auto` computes in bf16 on CPUs that have it natively, in fp32 on others; `int8` is
    faster, and changes a few answers: how many is measured first.
    """
    name = prepared.plain_name(name or _name(model_id))
    folder = output or Path("models") / name
    asked = Preparation(model_id, name, revision, precision, engine, pictures, labels, input_size)
    if is_prepared(folder, asked):
        click.echo(f"{folder} is prepared already", err=True)
    else:
        prepare_model(asked, folder, partial(click.echo, err=True))
    click.echo(folder)


def _name(model_id: str) -> str:
    path = Path(model_id).resolve()
    return path.stem if path.is_file() else path.name


@cli.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def examine(as_json: bool) -> None:
    """Say what is found on this machine, and what to change.

    The status is 1 if something would fail: `serve` would not start, or would be killed.
    """
    findings = list(checks.examine())
    failed = any(finding.level == "fail" for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": not failed, "findings": [f._asdict() for f in findings]}))
    for level, subject, found, advice in () if as_json else findings:
        click.echo(f"{level:<6}{subject:<11}{found}" + (f"\n{'':17}-> {advice}" if advice else ""))
    sys.exit(failed)


def main() -> None:
    """Run the command line; errors that the user can fix end it with one line."""
    try:
        cli()
    except MissingPackagesError as error:
        click.echo(error, err=True)
        sys.exit(MISSING_PACKAGES)
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
