# SupportOps as an image: docker build -t supportops .
# With the sentence encoder's libraries: docker build --build-arg EXTRAS="-r requirements-encoder.lock" .

# Debian 13 has SQLite 3.46, which can lose a commit when its write-ahead log starts again (W001 in
# docs/operations.md). This package carries the sources of 3.53.2; its digest is pinned.
FROM node:24-slim AS sqlite-source
WORKDIR /source
RUN npm pack --silent better-sqlite3@12.11.1 \
    && echo "ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835  better-sqlite3-12.11.1.tgz" | sha256sum --check \
    && tar --extract --gzip --file better-sqlite3-12.11.1.tgz --strip-components=3 package/deps/sqlite3

FROM python:3.13-slim-trixie AS sqlite
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
COPY --from=sqlite-source /source/sqlite3.c /source/sqlite3.h /source/
WORKDIR /source
# What Debian switches on and Python or we may use: search by words needs FTS5.
RUN gcc -O2 -fPIC -shared -Wl,-soname,libsqlite3.so.0 -o libsqlite3.so.0 sqlite3.c \
        -DSQLITE_THREADSAFE=1 -DSQLITE_SECURE_DELETE -DSQLITE_USE_URI -DSQLITE_SOUNDEX \
        -DSQLITE_ENABLE_FTS3 -DSQLITE_ENABLE_FTS3_PARENTHESIS -DSQLITE_ENABLE_FTS4 -DSQLITE_ENABLE_FTS5 \
        -DSQLITE_ENABLE_RTREE -DSQLITE_ENABLE_MATH_FUNCTIONS -DSQLITE_ENABLE_COLUMN_METADATA \
        -DSQLITE_ENABLE_DBSTAT_VTAB -DSQLITE_ENABLE_LOAD_EXTENSION -DSQLITE_ENABLE_UNLOCK_NOTIFY \
        -DSQLITE_ENABLE_PREUPDATE_HOOK -DSQLITE_ENABLE_SESSION \
        -DSQLITE_MAX_VARIABLE_NUMBER=250000 -DSQLITE_MAX_SCHEMA_RETRY=25 -DHAVE_ISNAN \
        -lm -lpthread -ldl

FROM python:3.13-slim-trixie AS base
COPY --from=sqlite /source/libsqlite3.so.0 /usr/local/lib/
# Fails here, and not in production, where Python does not take it.
RUN ldconfig \
    && python3 -c "import sqlite3; assert sqlite3.sqlite_version == '3.53.2', sqlite3.sqlite_version"

FROM base AS build
ARG EXTRAS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1
RUN python3 -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements*.txt requirements*.lock ./
RUN pip install -r requirements.lock && pip install -r requirements-postgres.lock \
    && pip install -r requirements-celery.lock && if [ -n "$EXTRAS" ]; then pip install $EXTRAS; fi
COPY . .
# Static files, and a data directory with the starter policy and the trained starter model: a new
# installation on SQLite starts as a copy of it. The key is for the build alone and is not kept.
RUN export ALLOWED_HOSTS=localhost DATA_DIR=/app/starter STATIC_ROOT=/app/staticfiles \
        SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    && python manage.py collectstatic --noinput --verbosity 0 \
    && python manage.py prepare --no-accounts \
    && rm -f starter/*.lock starter/cache.sqlite3* \
    && chmod -R a+rX starter \
    && python -m compileall -q supportops tickets classification decisions metrics

FROM base
# The client is for `manage.py backup` where the database is PostgreSQL.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home supportops \
    && install --directory --owner supportops --group supportops --mode 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
# Weights of the encoder, where somebody fetches them, outlast the container.
RUN rm -rf /app/var && ln -s /data /app/var
# HOME: the root file system may be read-only, /tmp never is.
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 HOME=/tmp \
    DATA_DIR=/data STATIC_ROOT=/app/staticfiles ALIVE_FILE=/tmp/alive LOG_FORMAT=json
WORKDIR /app
# By number: some platforms look whether it is another than root and know no names.
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; host = os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].strip(' .'); u.urlopen(u.Request('http://127.0.0.1:8000/health', headers={'Host': host}), timeout=4)"]
ENTRYPOINT ["/app/docker-entrypoint.sh"]
CMD ["all"]
