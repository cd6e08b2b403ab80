"""Draw docs/page.png, the picture of the page in the README: python -m docs.screenshot [FILE].

It needs Chromium, and what tests need. The pictures on the page are the samples.
"""

import io
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect, sync_playwright
from werkzeug.serving import make_server

from inference_app.app import create_app
from inference_app.config import Settings
from inference_app.model.classifier import Classifier

FOLDER = Path(__file__).parent.parent / "post_request" / "images"
SAMPLES = [path for path in sorted(FOLDER.iterdir()) if path.suffix in (".jpg", ".png", ".webp")]
FEATURED = "espresso.jpg"
OUTPUT = Path(__file__).with_name("page.png")
SIZE: ViewportSize = {"width": 1160, "height": 780}


def main(output: Path) -> None:
    """Serve the page with the bundled model, classify the samples, and take the picture."""
    with serving() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page(viewport=SIZE)
        page.goto(url)
        classify_samples(page)
        write(page.screenshot(), output)
        browser.close()


@contextmanager
def serving() -> Iterator[str]:
    """Serve while the `with` lasts; yields the address."""
    settings = Settings()
    server = make_server("127.0.0.1", 0, create_app(settings, Classifier.load(settings)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()


def chromium() -> str:
    """Return the browser's path; raises SystemExit without one."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    return path or sys.exit("Install Chromium.")


def classify_samples(page: Page) -> None:
    """Choose all samples but one, then that one, which the page shows at large."""
    field = page.get_by_label("Choose pictures")
    field.set_input_files([path for path in SAMPLES if path.name != FEATURED])
    expect(page.locator("#progress")).to_have_text("5 of 5 classified", timeout=30_000)
    field.set_input_files([path for path in SAMPLES if path.name == FEATURED])
    expect(page.locator("#progress")).to_have_text("6 of 6 classified", timeout=30_000)
    expect(page.locator("#model")).to_contain_text("classes")
    page.wait_for_load_state("networkidle")


def write(screenshot: bytes, output: Path) -> None:
    """Write the picture with 256 colours, which is a third of the size."""
    image = Image.open(io.BytesIO(screenshot)).convert("RGB")
    image.quantize(256, kmeans=3).save(output, format="PNG", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else OUTPUT)
