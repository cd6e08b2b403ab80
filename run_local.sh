#!/usr/bin/env bash
# The whole stack without Docker: NGINX on HTTP_PORT (8080) before Gunicorn on PORT (8000).
#   ./run_local.sh                                   serves the model that comes along
#   MODEL_ID=microsoft/resnet-50 ./run_local.sh      a model of the Hugging Face Hub, or a folder
# Ctrl-C stops it. The settings of README.md are read from the environment.
set -euo pipefail
set -m # a process group for each job: Ctrl-C reaches this script alone, which then stops them
cd "$(dirname "$0")"

model_id=${MODEL_ID:-bundled}
http_port=${HTTP_PORT:-8080}
export PORT=${PORT:-8000}
python=.venv/bin/python
run=$(mktemp -d)
chmod 755 "$run" # NGINX's workers run as another user
jobs_started=()

say() { echo "run_local: $*"; }

fail() {
  echo "error: $*" >&2
  exit 1
}

# shellcheck disable=SC2329 # called by the trap
clean_up() {
  trap - EXIT INT TERM
  for job in ${jobs_started[@]+"${jobs_started[@]}"}; do
    kill -TERM "$job" 2>/dev/null || true
    wait "$job" 2>/dev/null || true
  done
  rm -rf "$run"
}

find_nginx() {
  PATH=$PATH:/usr/sbin
  nginx -v 2>/dev/null && return
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "installing NGINX"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nginx >/dev/null
    # Debian starts it as a service on port 80, which nobody asked for.
    command -v systemctl >/dev/null && systemctl disable --quiet --now nginx 2>/dev/null || true
    return
  fi
  return 1
}

choose_model() {
  [[ $model_id == bundled ]] && return
  if [[ -e $model_id/manifest.json ]]; then
    MODEL_PATH=$model_id
  else
    MODEL_PATH=models/$(basename "$model_id")
    inference_app/prepare/prepare.sh "$model_id" "$MODEL_PATH"
  fi
  export MODEL_PATH
}

check_port() { # NAME PORT
  "$python" -c 'import socket, sys; socket.create_server(("127.0.0.1", int(sys.argv[1])))' "$2" \
    2>/dev/null || fail "port $2 is in use or not allowed; choose another: $1=... ./run_local.sh"
}

start_app() {
  "$python" -m inference_app serve &
  jobs_started+=($!)
}

start_nginx() {
  NGINX_PORT=$http_port nginx/local.sh "$run" &
  # NGINX first when stopping, so that it takes no request that the app can no longer answer
  jobs_started=($! "${jobs_started[@]}")
}

all_alive() {
  for job in "${jobs_started[@]}"; do kill -0 "$job" 2>/dev/null || return 1; done
}

request() { # URL [FILE]: prints the answer
  "$python" - "$@" <<'P'
import sys, urllib.request
picture = open(sys.argv[2], "rb").read() if sys.argv[2:] else None
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], picture)).read().decode().strip())
P
}

wait_until_ready() { # PORT
  until request "http://127.0.0.1:$1/readyz" >/dev/null 2>&1; do
    all_alive || fail "it did not start; the lines above say why"
    sleep 0.1
  done
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

requirements/install.sh serve
choose_model
check_port HTTP_PORT "$http_port"
if find_nginx; then
  check_port PORT "$PORT"
  start_app
  wait_until_ready "$PORT"
  start_nginx
else
  say "there is no NGINX, so Gunicorn serves alone: fine to try it, not to publish it"
  PORT=$http_port
  start_app
fi
wait_until_ready "$http_port"

say "ready"
if [[ -z ${API_KEYS_FILE:-}${TLS_CERTIFICATE:-} ]]; then # else it is the user's to ask
  sample=post_request/images/espresso.jpg
  say "a first prediction, for $sample:"
  request "http://127.0.0.1:$http_port/predict?top_k=3" "$sample"
fi
say "yours:   curl -F image=@photo.jpg http://localhost:$http_port/predict"
say "stop it: Ctrl-C"
while all_alive; do sleep 1; done
fail "a part of it stopped; the lines above say why"
