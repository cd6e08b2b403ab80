"""The server where few files may be open, for tests: `python -m tests.support.few_files`."""

import resource

from tests.support.faults import run_gunicorn

if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 64))
    run_gunicorn()
