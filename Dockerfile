# SupportOps as an image: docker build -t supportops .
# With the sentence encoder's libraries: docker build --build-arg EXTRAS="-r requirements-encoder.txt" .

FROM python:3.11-slim AS build
ARG EXTRAS=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt requirements-postgres.txt requirements-celery.txt requirements-encoder.txt ./
RUN pip install -r requirements.txt -r requirements-postgres.txt -r requirements-celery.txt $EXTRAS
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

FROM python:3.11-slim
# The client is for `manage.py backup` where the database is PostgreSQL.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home supportops \
    && install --directory --owner supportops --group supportops --mode 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
# Weights of the encoder, where somebody fetches them, outlast the container.
RUN rm -rf /app/var && ln -s /data /app/var
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 \
    DATA_DIR=/data STATIC_ROOT=/app/staticfiles LOG_FORMAT=json
WORKDIR /app
USER supportops
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=90s --retries=3 CMD ["python", "-c", \
    "import os, urllib.request as u; host = os.environ.get('ALLOWED_HOSTS', 'localhost').split(',')[0].strip(' .'); u.urlopen(u.Request('http://127.0.0.1:8000/health', headers={'Host': host}), timeout=4)"]
ENTRYPOINT ["/app/docker-entrypoint.sh"]
CMD ["all"]
