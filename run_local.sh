#!/usr/bin/env bash
# The whole stack without Docker: NGINX on HTTP_PORT (8080) in front of Gunicorn on PORT (8000).
#   ./run_local.sh                                   serves the bundled demonstration model
#   MODEL_ID=microsoft/resnet-50 ./run_local.sh      a model of the Hugging Face Hub, or a folder
#   ENGINE=torch MODEL_ID=... ./run_local.sh         runs the model with torch
#   HTTP_HOST=0.0.0.0 ./run_local.sh                 also for other machines
# With TLS_CERTIFICATE and TLS_KEY: HTTPS on HTTPS_PORT (8443). Ctrl-C stops it. docs/settings.md has
# all settings, which are read from the environment.
set -euo pipefail
set -m # a process group for each job: Ctrl-C reaches this script alone, which then stops them
cd "$(dirname "$0")"

model_id=${MODEL_ID:-bundled}
http_host=${HTTP_HOST:-127.0.0.1}
http_port=${HTTP_PORT:-8080}
https_port=${HTTPS_PORT:-8443}
here=127.0.0.1 # where this script reaches NGINX
[[ $http_host == 0.0.0.0 ]] || here=$http_host
export PORT=${PORT:-8000}
python=.venv/bin/python
run=$(mktemp -d)
chmod 755 "$run" # NGINX's workers run as another user
nginx='' app=''  # the jobs

say() { echo "run_local: $*"; }

fail() {
  echo "error: $*" >&2
  exit 1
}

# shellcheck disable=SC2329 # called by the trap
clean_up() {
  trap - EXIT
  trap 'kill -TERM $nginx $app 2>/dev/null' INT TERM # a second Ctrl-C does not wait for slow clients
  stop QUIT "$nginx" # no new requests; it waits for the responses that the app owes it
  stop TERM "$app"
  rm -rf "$run"
}

# shellcheck disable=SC2329
stop() { # SIGNAL JOB
  kill "-$1" "$2" 2>/dev/null || return 0
  wait "$2" 2>/dev/null || true
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

choose_python() { # torch is in the environment that prepares models
  grep -qs '^ "engine": "torch"' "${MODEL_PATH:-}/manifest.json" || return 0
  requirements/install.sh prepare
  python=.venv-prepare/bin/python
}

check_port() { # NAME HOST PORT
  "$python" -c 'import socket, sys; socket.create_server((sys.argv[1], int(sys.argv[2])))' "$2" "$3" \
    2>/dev/null || fail "port $3 is in use or not allowed; choose another: $1=... ./run_local.sh"
}

start_app() {
  "$python" -m inference_app serve &
  app=$!
}

start_nginx() {
  NGINX_HOST=$http_host NGINX_PORT=$http_port TLS_PORT=$https_port HTTPS_PORT=$https_port \
    nginx/start.sh "$run" &
  nginx=$!
}

all_alive() {
  local job
  for job in $nginx $app; do kill -0 "$job" 2>/dev/null || return 1; done
}

request() { # URL [FILE]: prints the response
  "$python" - "$@" <<'P'
import sys, urllib.request
picture = open(sys.argv[2], "rb").read() if sys.argv[2:] else None
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], picture)).read().decode().strip())
P
}

wait_until_ready() { # HOST PORT
  until request "http://$1:$2/readyz" >/dev/null 2>&1; do
    all_alive || fail "it did not start; the lines above say why"
    sleep 0.1
  done
}

start() {
  if find_nginx; then
    [[ $http_port != "$PORT" ]] || fail "HTTP_PORT and PORT are both $PORT: NGINX and the app need one each"
    check_port PORT 127.0.0.1 "$PORT"
    [[ -z ${TLS_CERTIFICATE:-} ]] || check_port HTTPS_PORT "$http_host" "$https_port"
    start_app
    wait_until_ready 127.0.0.1 "$PORT"
    start_nginx
  else
    [[ -z ${TLS_CERTIFICATE:-} ]] || fail "HTTPS needs NGINX, which is not installed"
    say "there is no NGINX, so Gunicorn serves alone: fine for a trial, not for the public"
    PORT=$http_port HOST=$http_host start_app
  fi
  wait_until_ready "$here" "$http_port"
}

show() {
  local sample=post_request/images/espresso.jpg url=http://localhost:$http_port curl=curl demonstration
  [[ $here == 127.0.0.1 ]] || url=http://$here:$http_port
  if [[ -n ${TLS_CERTIFICATE:-} ]]; then
    url=https://localhost:$https_port curl+=" --cacert $TLS_CERTIFICATE"
  fi
  [[ -z ${API_KEYS_FILE:-} ]] || curl+=' -H "X-API-Key: YOUR_KEY"'
  say "ready"
  demonstration=$(sed -n 's/^ "name": \(".*"\),$/\1/p' inference_app/bundled/manifest.json)
  if [[ $(request "http://$here:$http_port/readyz") == *"$demonstration"* ]]; then
    say "this is the bundled demonstration model: 200 classes, right about half the time"
    say "a real one:  MODEL_ID=microsoft/resnet-50 ./run_local.sh"
  fi
  if [[ $curl == curl ]]; then # no key and no certificate is needed
    say "a first prediction, for $sample:"
    request "http://$here:$http_port/predict?top_k=3" "$sample"
  fi
  say "page:    $url/"
  say "yours:   $curl -F image=@$sample $url/predict"
  say "stop it: Ctrl-C"
}

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

requirements/install.sh serve
choose_model
choose_python
check_port HTTP_PORT "$http_host" "$http_port"
start
show
while all_alive; do sleep 1; done
fail "a part of it stopped; the lines above say why"
