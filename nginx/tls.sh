#!/bin/sh
# Writes what NGINX needs for HTTPS if TLS_CERTIFICATE and TLS_KEY name files (PEM), else an empty
# file; then runs its arguments: the base image's entrypoint, or NGINX itself (nginx/local.sh).
set -eu
out=${NGINX_ENVSUBST_OUTPUT_DIR:-/etc/nginx/conf.d}/tls.server
: >"$out"
[ -n "${TLS_CERTIFICATE:-}" ] || exec "$@"
for file in "$TLS_CERTIFICATE" "${TLS_KEY:?TLS_CERTIFICATE is set, TLS_KEY is not}"; do
  [ -r "$file" ] || { echo "error: $file cannot be read; NGINX runs as uid $(id -u)" >&2; exit 1; }
done
# Protocols, tickets: Mozilla's server-side TLS recommendations, intermediate.
cat >"$out" <<END
listen ${TLS_PORT:-8443} ssl default_server;
ssl_certificate $TLS_CERTIFICATE;
ssl_certificate_key $TLS_KEY;
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
ssl_session_cache shared:tls:4m;
ssl_session_tickets off;
add_header Strict-Transport-Security "max-age=31536000" always;
# Who comes without TLS is sent to it, but for health checks from inside. (\$request_uri: \$uri would
# be that of the error page where there is no app, which has to pass here again.)
set \$plain \$https;
if (\$request_uri ~ "^/(livez|readyz)(\?|\$)") {
    set \$plain on;
}
if (\$plain = "") {
    return 308 https://\$host\$request_uri;
}
END
exec "$@"
