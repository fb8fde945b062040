"""How gunicorn serves; `manage.py serve` starts it with this file.

Two processes with four threads each: the threads overlap the wait for the disk, more of them only
lengthen the tail.
"""

import os
from typing import Any

from django.conf import settings
from django.urls import get_resolver
from gunicorn.config import KNOWN_SETTINGS  # type: ignore[import-untyped]

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportops.settings")

workers = settings.WEB_WORKERS
threads = settings.WEB_THREADS
worker_class = "gthread"
preload_app = False  # no connection and no model is opened before the fork
# More threads than processes: each library's own threads would only fight over the cores.
raw_env = ["OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1"]

timeout = 60
graceful_timeout = 30
keepalive = 5
# A worker says that it lives by touching a file; a busy disk must not look like a dead worker.
MEMORY = "/dev/shm"  # noqa: S108  not everybody may write there: then gunicorn takes its own place
worker_tmp_dir = MEMORY if os.access(MEMORY, os.W_OK | os.X_OK) else None

# Whom to believe about TLS is said in one place: TRUST_PROXY_TLS.
forwarded_allow_ips = ""
# A tracking link is a secret and stands in the path, so there is no access log.
accesslog = None
_logging: dict[str, Any] = settings.LOGGING
logconfig_dict = {
    **_logging,
    "loggers": {
        **_logging["loggers"],
        "gunicorn.error": {"handlers": [], "level": "INFO", "propagate": True},
        "gunicorn.access": {"handlers": [], "level": "WARNING", "propagate": False},
    },
}

# Several under one user would fight over one control socket; older versions have none.
if any(known.name == "control_socket_disable" for known in KNOWN_SETTINGS):
    control_socket_disable = True


def post_worker_init(worker: Any) -> None:
    """Load addresses and classifier before the first customer comes. What is broken shows now."""
    from classification.services import predict  # models exist only once the application is loaded

    get_resolver().check()
    predict("hello")
