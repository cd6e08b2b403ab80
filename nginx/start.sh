#!/usr/bin/env bash
# Runs NGINX in the foreground in front of the app, in the image and without Docker.
# Usage: nginx/start.sh PREFIX    a folder for its configuration, its pid and its temporary files
# Settings come from the environment. The defaults are here; an empty setting has its default.
set -euo pipefail
cd "$(dirname "$0")"
prefix=$1
PATH=$PATH:/usr/sbin

fail() {
  echo "error: $*" >&2
  exit 1
}

check_tls() {
  [[ -n $TLS_KEY ]] || fail "TLS_CERTIFICATE is set, TLS_KEY is not"
  for file in "$TLS_CERTIFICATE" "$TLS_KEY"; do
    [[ -r $file ]] || fail "NGINX runs as uid $(id -u), which cannot read $file (docs/operating.md, HTTPS)"
  done
}

# Replaces ${NAME} by the setting; a line that names an empty setting is left out.
fill_in() {
  perl -ne '@found = map { $ENV{$_} // die "$_ is not set\n" } /\$\{([A-Z_]+)\}/g;
    s/\$\{([A-Z_]+)\}/$ENV{$1}/g; print unless grep { $_ eq "" } @found' "$1"
}

# NGINX writes its own messages as plain text; this makes each a line of JSON, in ASCII.
to_json() {
  LC_ALL=C exec sed -u 's/[^ -~]/?/g; s/["\\]/\\&/g; s/.*/{"logger":"nginx","message":"&"}/'
}

export NGINX_HOST=${NGINX_HOST:-0.0.0.0} NGINX_PORT=${NGINX_PORT:-8080}
export APP_SERVER=${APP_SERVER:-127.0.0.1:${PORT:-8000}}
export MAX_UPLOAD_MB=${MAX_UPLOAD_MB:-32} DEADLINE=${DEADLINE:-10} MAX_CONNS=${MAX_CONNS:-96}
export CLIENT_CONNS=${CLIENT_CONNS:-256} CLIENT_UPLOADS=${CLIENT_UPLOADS:-32}
export CLIENT_RATE=${CLIENT_RATE:-} CLIENT_BURST=${CLIENT_BURST:-20}
export TRUSTED_PROXY=${TRUSTED_PROXY:-}
export ACCESS_LOG=${ACCESS_LOG:-/dev/null}
export TLS_CERTIFICATE=${TLS_CERTIFICATE:-} TLS_KEY=${TLS_KEY:-} TLS_PORT=${TLS_PORT:-8443}
# Where clients reach HTTPS: TLS_PORT may be published as another port.
export HTTPS_AUTHORITY=\$host
[[ ${HTTPS_PORT:-443} == 443 ]] || HTTPS_AUTHORITY+=:$HTTPS_PORT
# DNS servers, for an APP_SERVER with `resolve`.
resolvers=$(awk '$1 == "nameserver" { print ($2 ~ /:/ ? "[" $2 "]" : $2) }' /etc/resolv.conf | xargs)
export RESOLVERS=${resolvers:-127.0.0.1}

trap exit QUIT # as NGINX does; bash ignores it
[[ -z $TLS_CERTIFICATE ]] || check_tls
mkdir -p "$prefix/conf.d"
cp nginx.conf "$prefix/nginx.conf"
for template in templates/*.template; do
  fill_in "$template" >"$prefix/conf.d/$(basename "$template" .template)"
done
options=(-e stderr -p "$prefix" -c "$prefix/nginx.conf" -g 'daemon off;')
why=$(nginx -t -q "${options[@]}" 2>&1) || fail "NGINX cannot start: ${why%%$'\n'*}"
exec nginx "${options[@]}" 2> >(to_json >&2)
