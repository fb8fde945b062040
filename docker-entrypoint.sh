#!/bin/sh
# What a container does, by its first argument:
#   all [--demo]   web server and worker together      web [--demo]   the web server alone
#   worker         the embedded worker alone           celery ...     celery -A supportops.background.celery ...
#   anything else  manage.py with these arguments, for example: doctor, create_api_key, audit verify
set -eu

# A shell that waits for a command sees a signal only when the command is over, and the first process
# of a container misses those that it has no handler for yet. So what runs long is a child of this
# shell, which hands SIGTERM on to it and leaves with its code.
child= draft=
stop() {
  trap '' TERM INT
  [ -z "$draft" ] || rm -f "$draft"
  [ -n "$child" ] || exit 143
  kill -s TERM "$child" 2>/dev/null || true
  wait "$child" && exit 0 || exit $?
}
trap stop TERM INT

if [ ! -w "$DATA_DIR" ]; then
  echo "$DATA_DIR cannot be written by user $(id -u): give it to that user once, with \`docker compose run --rm" \
    "--user 0 --cap-add CHOWN --cap-add DAC_OVERRIDE --entrypoint chown web -R $(id -u):$(id -g) $DATA_DIR\`" \
    "or, for a directory of the host, with \`sudo chown -R $(id -u):$(id -g) DIRECTORY\`." >&2
  exit 1
fi

# Good enough for a trial on one's own machine: the key lies beside what it protects. The settings
# read it there, so that every command of `docker compose exec` has it too.
kept="$DATA_DIR/secret.key"
if [ -z "${SECRET_KEY:-}" ] && [ ! -e "$kept" ]; then
  draft="$kept.$(hostname).$$"
  (umask 077 && python -c 'import secrets; print(secrets.token_urlsafe(48))' > "$draft")
  sync "$draft"
  ln "$draft" "$kept" 2>/dev/null || true # whoever was first wins
  rm -f "$draft"
  echo "SECRET_KEY is not set: one was made and kept in the volume. Set your own in production." >&2
fi

run() {
  "$@" &
  child=$!
  wait "$child"
  child=
}
prepare() { run python manage.py prepare --template starter "$@"; }

what=${1:-all}
[ $# -eq 0 ] || shift
case "$what" in
  all)    prepare "$@"; run python manage.py serve --host 0.0.0.0 ;;
  web)    prepare "$@"; run python manage.py serve --host 0.0.0.0 --web-only ;;
  worker) prepare --no-accounts; run python manage.py worker "$@" ;;
  celery) prepare --no-accounts; run celery -A supportops.background.celery "$@" ;;
  *)      exec python manage.py "$what" "$@" ;;
esac
