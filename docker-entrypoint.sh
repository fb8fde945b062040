#!/bin/sh
# What a container does, by its first argument:
#   all [--demo]   web server and worker together      web [--demo]   the web server alone
#   worker         the embedded worker alone           celery ...     celery -A supportops.celery ...
#   anything else  manage.py with these arguments, for example: doctor, create_api_key, audit verify
set -eu

# Good enough for a trial on one's own machine: the key lies beside what it protects.
if [ -z "${SECRET_KEY:-}" ]; then
  kept="$DATA_DIR/secret.key"
  if [ ! -s "$kept" ]; then
    draft="$kept.$(hostname).$$"
    (umask 077 && python -c 'import secrets; print(secrets.token_urlsafe(48))' > "$draft")
    ln "$draft" "$kept" 2>/dev/null || true # whoever was first wins
    rm -f "$draft"
    echo "SECRET_KEY is not set: one was made and kept in the volume. Set your own in production." >&2
  fi
  SECRET_KEY=$(cat "$kept")
  export SECRET_KEY
fi

prepare() { python manage.py prepare --template starter "$@"; }

what=${1:-all}
[ $# -eq 0 ] || shift
case "$what" in
  all)    prepare "$@"; exec python manage.py serve --host 0.0.0.0 ;;
  web)    prepare "$@"; exec python manage.py serve --host 0.0.0.0 --web-only ;;
  worker) prepare --no-accounts; exec python manage.py worker "$@" ;;
  celery) prepare --no-accounts; exec celery -A supportops.celery "$@" ;;
  *)      exec python manage.py "$what" "$@" ;;
esac
