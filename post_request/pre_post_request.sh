#!/usr/bin/env bash
# Prepares the client: makes .venv beside this script and installs what post_request.py needs.
# Usage: pre_post_request.sh [load]     load: with Locust, for the load test, locustfile.py
# Safe to run again. Works on Linux, on macOS and in Windows' Git Bash.
set -euo pipefail

here=$(dirname -- "${BASH_SOURCE[0]}")
venv=$here/.venv

main() {
  local requirements="requirements.txt"
  case ${1:-} in
    "") ;;
    load) requirements="requirements-load.txt" ;;
    *) fail "usage: pre_post_request.sh [load]" ;;
  esac
  is_complete || make_venv
  "$(venv_python)" -m pip install --quiet --disable-pip-version-check -r "$here/$requirements"
  say_what_next
}

# The virtual environment may be half made, or its Python gone since.
is_complete() {
  "$(venv_python)" -m pip --version >/dev/null 2>&1
}

make_venv() {
  local python
  python=$(find_python)
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    fail "$python has no venv module (on Debian and Ubuntu: apt install python3-venv)"
  "$python" -m venv --clear "$venv"
}

# Windows has a python3 that only opens a shop, so each one is tried.
find_python() {
  local python
  for python in python3 python py; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$python"
      return
    fi
  done
  fail "Python 3.11 or newer is needed, and none of python3, python and py is one"
}

venv_python() {
  if [[ -e $venv/Scripts/python.exe ]]; then
    echo "$venv/Scripts/python.exe"
  else
    echo "$venv/bin/python"
  fi
}

say_what_next() {
  echo "Ready. With the server running, try:"
  printf '  %q %q %q\n' "$(venv_python)" "$here/post_request.py" "$here/images"
}

fail() {
  echo "pre_post_request.sh: $1" >&2
  exit 1
}

main "$@"
