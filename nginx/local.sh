#!/usr/bin/env bash
# Runs NGINX in the foreground, without Docker, in front of an app on this machine.
# Usage: nginx/local.sh PREFIX    a folder for its pid, its temporary files and its configuration
# Settings: NGINX_PORT, PORT (the app's), MAX_UPLOAD_MB, DEADLINE, MAX_CONNS, CLIENT_RATE,
# CLIENT_BURST, TLS_CERTIFICATE, TLS_KEY, TLS_PORT, ACCESS_LOG.
set -euo pipefail
cd "$(dirname "$0")"
prefix=$1
PATH=$PATH:/usr/sbin

export NGINX_PORT=${NGINX_PORT:-8080} MAX_UPLOAD_MB=${MAX_UPLOAD_MB:-32}
export DEADLINE=${DEADLINE:-10} MAX_CONNS=${MAX_CONNS:-96}
export CLIENT_RATE=${CLIENT_RATE:-1000000r/s} CLIENT_BURST=${CLIENT_BURST:-20}
export ACCESS_LOG=${ACCESS_LOG:-/dev/null} APP_SERVER=127.0.0.1:${PORT:-8000}
export NGINX_LOCAL_RESOLVERS=127.0.0.1 # not asked: the app's address is a number

mkdir -p "$prefix/conf.d"
cp nginx.conf "$prefix/nginx.conf"
for template in templates/*.template; do
  # As the image's entrypoint does: capitals in braces are ours, all else is NGINX's.
  perl -pe 's/\$\{([A-Z_]+)\}/$ENV{$1} \/\/ die "$1 is not set\n"/ge' "$template" \
    >"$prefix/conf.d/$(basename "$template" .template)"
done
NGINX_ENVSUBST_OUTPUT_DIR=$prefix/conf.d exec ./tls.sh nginx -e stderr -p "$prefix" -c "$prefix/nginx.conf" -g 'daemon off;'
