"""One settings file, driven by the environment. Nobody else reads the environment.

`.env.example` lists every variable. Values are parsed strictly: a value that does not parse stops
the start and names its variable.
"""

import ipaddress
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

import supportops

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

TRUE = {"true", "yes", "on", "1"}
FALSE = {"false", "no", "off", "0"}
FIELD_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
FORMS_OWN = frozenset({"name", "email", "subject", "message", "key", "homepage"})


def flag(name: str, default: bool = False) -> bool:
    """A yes or no of the environment; anything else is refused."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in TRUE | FALSE:
        return value in TRUE
    raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")


def number(name: str, default: int, *, least: int = 0) -> int:
    """A whole number of the environment, not below `least`."""
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isascii() or not value.isdigit() or int(value) < least:
        raise ImproperlyConfigured(f"{name} must be a whole number from {least} on, not {value!r}.")
    return int(value)


def rate(name: str, default: str) -> str:
    """So many in a time, such as 20/hour."""
    value = os.environ.get(name, "").strip() or default
    if not re.fullmatch(r"[1-9][0-9]{0,8}/(?:s|m|h|d)[a-z]*", value):
        raise ImproperlyConfigured(f"{name} must be a rate such as 20/hour, not {value!r}.")
    return value


def share(name: str, default: float) -> float:
    """A share of the environment, from 0 to 1."""
    value = os.environ.get(name, "").strip() or str(default)
    try:
        parsed = float(value)
    except ValueError:
        parsed = -1.0
    if not 0 <= parsed <= 1:
        raise ImproperlyConfigured(f"{name} must be a share from 0 to 1, not {value!r}.")
    return parsed


def positive(name: str, default: float) -> float:
    """A number of the environment above 0, up to 1,000."""
    value = os.environ.get(name, "").strip() or str(default)
    try:
        parsed = float(value)
    except ValueError:
        parsed = 0.0
    if not 0 < parsed <= 1_000:
        raise ImproperlyConfigured(f"{name} must be a number above 0, up to 1000, not {value!r}.")
    return parsed


def further_fields(name: str) -> dict[str, str]:
    """Fields that a business adds to its form, each with its label: `order_number=Order number`."""
    fields = {}
    for part in listed(name):
        key, _, label = (piece.strip() for piece in part.partition("="))
        if not FIELD_KEY.fullmatch(key) or key in FORMS_OWN or not label:
            raise ImproperlyConfigured(
                f"{name} holds fields such as phone=Telephone, not {part!r}."
            )
        fields[key] = label
    return fields


def listed(name: str, default: str = "") -> list[str]:
    """Values separated by commas."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def networks(name: str, default: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    try:
        return [ipaddress.ip_network(part) for part in listed(name, default)]
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}: {error}") from error


def one_of(name: str, default: str, *allowed: str) -> str:
    value = os.environ.get(name, "").strip() or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}, not {value!r}.")
    return value


def is_web_address(url: str) -> bool:
    """Whether it has all that a link begins with; a port, if any, is one that can be reached."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number or too high, a bracket that is not closed
        return False


TESTING = flag("TESTING")
if not TESTING and (BASE_DIR / ".env").is_file():
    environ.Env.read_env(BASE_DIR / ".env")

# --- Basics ---------------------------------------------------------------------------------------
DEBUG = flag("DEBUG")
# Tests have a directory of their own, which conftest.py removes, and touch no installation.
DATA_DIR = Path(
    os.environ.get("DATA_DIR", "")
    or (tempfile.mkdtemp(prefix="supportops-tests-") if TESTING else BASE_DIR / "var")
)
DATA_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)  # people's words lie in there
KEY_FILE = DATA_DIR / "secret.key"  # the image makes one where nobody set a key
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY and KEY_FILE.is_file():
    SECRET_KEY = KEY_FILE.read_text().strip()
    if len(SECRET_KEY) < 50:
        raise ImproperlyConfigured(
            f"SECRET_KEY is not set, and {KEY_FILE} holds fewer than 50 characters: put 50 random "
            "ones there, or set it."
        )
if len(SECRET_KEY) < 50 and not DEBUG:
    raise ImproperlyConfigured("SECRET_KEY must be set, to at least 50 random characters.")
SECRET_KEY = SECRET_KEY or "only-while-debugging-" + "x" * 40
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", "localhost,127.0.0.1" if DEBUG else "")
if not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the host names under which people come.")
if "*" in ALLOWED_HOSTS and not DEBUG:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name hosts; '*' would trust any Host header.")

PUBLIC_URL = (os.environ.get("PUBLIC_URL", "") or "http://localhost:8000").rstrip("/")
if not is_web_address(PUBLIC_URL):
    raise ImproperlyConfigured("PUBLIC_URL must be an address such as https://help.example.com.")
IS_LOCAL = urlsplit(PUBLIC_URL).hostname in {"localhost", "127.0.0.1", "::1"}
HTTPS = PUBLIC_URL.startswith("https://")
if not (HTTPS or IS_LOCAL or DEBUG or flag("ALLOW_PLAIN_HTTP")):
    raise ImproperlyConfigured(
        "PUBLIC_URL must be https unless the host is localhost. ALLOW_PLAIN_HTTP=true overrides it "
        "where something in front ends TLS and passes cookies on."
    )

VERSION = supportops.__version__

INSTALLED_APPS = [
    "supportops",
    "tickets",
    "classification",
    "decisions",
    "metrics",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
    "axes",
]

MIDDLEWARE = [
    "supportops.middleware.RequestMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "supportops.middleware.ConsolePolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "supportops.middleware.ConsoleLanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "tickets.api.errors.OutageMiddleware",
]

ROOT_URLCONF = "supportops.urls"
WSGI_APPLICATION = "supportops.wsgi.application"
# Ids of `manage.py check` that somebody has looked at and accepts.
SILENCED_SYSTEM_CHECKS = listed("SILENCED_CHECKS")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "supportops.middleware.business",
            ],
        },
    },
]

# --- Database -------------------------------------------------------------------------------------
# A transaction that will write takes the write lock at once: cures "database is locked" under load.
# FULL: what is answered 2xx is on the disk.
SQLITE_PRAGMAS = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
PRAGMA foreign_keys=ON;
PRAGMA secure_delete=ON;
PRAGMA recursive_triggers=ON;
PRAGMA cache_size=-65536;
PRAGMA mmap_size=268435456;
PRAGMA temp_store=MEMORY;
"""
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": SQLITE_PRAGMAS,
}

DATABASE_URL = os.environ.get("DATABASE_URL", "") or f"sqlite:///{DATA_DIR / 'db.sqlite3'}"
if not DATABASE_URL.startswith(("sqlite://", "postgres://", "postgresql://")):
    raise ImproperlyConfigured("DATABASE_URL must be a sqlite:/// or postgres:// address.")
try:
    DATABASES = {"default": env.db_url_config(DATABASE_URL)}
except ValueError as error:
    raise ImproperlyConfigured(f"DATABASE_URL: {error}") from error
_database = DATABASES["default"]
IS_SQLITE = _database["ENGINE"] == "django.db.backends.sqlite3"
_database["CONN_MAX_AGE"] = 600 if IS_SQLITE else 0
if IS_SQLITE:
    if not Path(_database["NAME"]).is_absolute():
        _database["NAME"] = str(BASE_DIR / _database["NAME"])
    _database["OPTIONS"] = SQLITE_OPTIONS
    _database["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    # Apart from the address, where "@", "/" or "%" would have to be written in code.
    _database["PASSWORD"] = os.environ.get("DATABASE_PASSWORD", "") or _database["PASSWORD"]
    _database["OPTIONS"] = {
        **_database.get("OPTIONS", {}),  # what the address says behind "?", such as sslmode
        "pool": {"min_size": 1, "max_size": number("DATABASE_POOL", 8, least=1), "timeout": 10},
        "connect_timeout": 5,
        "options": "-c lock_timeout=15s",
    }

# Throttles and presence are shared by all processes, so they cannot live in one of them.
CACHE_URL = os.environ.get("CACHE_URL", "") or ("locmem" if TESTING else "database")
if CACHE_URL.startswith(("redis://", "rediss://")):
    CACHES: dict[str, dict[str, Any]] = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": CACHE_URL,
        }
    }
elif CACHE_URL == "database":
    CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "supportops_cache",
            "OPTIONS": {"MAX_ENTRIES": 20_000},
        }
    }
    if IS_SQLITE:
        # Counters of throttles are no promise: their own file, without an fsync for each.
        DATABASES["cache"] = {
            **_database,
            "NAME": str(Path(_database["NAME"]).with_name("cache.sqlite3")),
            "OPTIONS": {
                **SQLITE_OPTIONS,
                "timeout": 2,  # nobody waits long for a counter
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
            },
        }
        DATABASE_ROUTERS = ["supportops.routers.CacheRouter"]
elif CACHE_URL == "locmem":
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
else:
    raise ImproperlyConfigured("CACHE_URL must be 'database', 'locmem' or a redis:// address.")

# --- Web ------------------------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = Path(os.environ.get("STATIC_ROOT", "") or BASE_DIR / "staticfiles")
STATICFILES_DIRS = [BASE_DIR / "templates" / "static"]
_has_manifest = (STATIC_ROOT / "staticfiles.json").is_file()
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if (_has_manifest and not TESTING) or "collectstatic" in sys.argv
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not _has_manifest or TESTING

LANGUAGE_CODE = one_of("LANGUAGE_CODE", "en", "en", "de")
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = os.environ.get("TIME_ZONE", "") or "UTC"
USE_TZ = True
USE_I18N = True

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "supportops.clients.client_address"
AXES_LOCKOUT_TEMPLATE = "console/locked_out.html"

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"  # a tracking link never leaves in a Referer header
SECURE_SSL_REDIRECT = HTTPS and flag("SSL_REDIRECT", default=True)
SECURE_REDIRECT_EXEMPT = [r"^health", r"^metrics"]
SECURE_HSTS_SECONDS = number("HSTS_SECONDS", 31_536_000) if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if flag("TRUST_PROXY_TLS") else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 60 * 60 * 12
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "tickets.views.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
DATA_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 512 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000  # a draft of a policy has ten for each intent
TRUSTED_PROXIES = networks("TRUSTED_PROXIES", "")
METRICS_ALLOWED_NETS = networks("METRICS_ALLOWED_NETS", "127.0.0.0/8,::1/128")

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# --- API ------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tickets.api.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["tickets.api.authentication.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["tickets.api.json_parser.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": ["tickets.api.throttling.KeyThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "key": rate("API_RATE", "6000/min"),
        "form": rate("FORM_RATE", "20/hour"),
    },
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "tickets.api.errors.answer_error",
    "UNAUTHENTICATED_USER": None,
    "NUM_PROXIES": 0,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "SupportOps API",
    "DESCRIPTION": "Inquiries in, decisions out. Every error is "
    '`{"error": {"code", "message", "fields"?}}`.',
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1/",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "TicketStatus": "tickets.codes.TicketStatus",
        "Outcome": "tickets.codes.Outcome",
    },
}

# --- Mail -----------------------------------------------------------------------------------------
EMAIL_URL = os.environ.get("EMAIL_URL", "")
vars().update(
    env.email_url_config(EMAIL_URL)
    if EMAIL_URL
    else {
        "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"
        if DEBUG
        else "django.core.mail.backends.filebased.EmailBackend",
        "EMAIL_FILE_PATH": str(DATA_DIR / "mail"),
    }
)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("FROM_EMAIL", "") or "Support <support@localhost>"

# --- Business -------------------------------------------------------------------------------------
BUSINESS_NAME = os.environ.get("BUSINESS_NAME", "") or "Example Store"
MAIL_DOMAIN = urlsplit(PUBLIC_URL).hostname  # of Message-ID headers
FORM_FIELDS = further_fields("FORM_FIELDS")
BUSINESS_COLOUR = os.environ.get("BUSINESS_COLOUR", "") or "#0f5fa8"
SILENT_DAYS = number("SILENT_DAYS", 7, least=1)  # an automatic answer counts as resolved after
TRACKING_DAYS = number("TRACKING_DAYS", 180, least=1)
AUTOMATIC_MAILS_A_DAY = 3
SWEEP_AFTER_SECONDS = number("SWEEP_AFTER_SECONDS", 30, least=1)

# Shares of tickets that are reviewed blind: of all, and of those that could be automated.
REVIEW_RATE = share("REVIEW_RATE", 0.05)
REVIEW_RATE_LIKELY = share("REVIEW_RATE_LIKELY", 0.20)
# Of all breakers together, while automation is as good as certified.
FALSE_TRIPS_A_YEAR = positive("FALSE_TRIPS_A_YEAR", 1.0)

# The key that signs heads of the audit chain belongs to the worker, apart from the web process.
AUDIT_KEY_FILE = Path(os.environ.get("AUDIT_KEY_FILE", "") or DATA_DIR / "audit.key")
AUDIT_HEADS_FILE = Path(os.environ.get("AUDIT_HEADS_FILE", "") or DATA_DIR / "audit-heads.jsonl")

# --- Classifier and tasks -------------------------------------------------------------------------
CLASSIFIER = one_of("CLASSIFIER", "linear", "linear", "encoder", "keywords")
MODEL_DIR = Path(os.environ.get("MODEL_DIR", "") or DATA_DIR / "models")
TASK_ENGINE = one_of("TASK_ENGINE", "embedded", "embedded", "celery")
NUDGE = {
    "embedded": "tickets.history.nudge.by_socket",
    "celery": "supportops.background.celery.nudge",
}[TASK_ENGINE]
if TESTING:
    NUDGE = "tickets.history.nudge.by_nobody"
WORKER_SOCKET = DATA_DIR / "worker.sock"
# Whoever works in the background touches it: health checks of containers look at its age.
ALIVE_FILE = Path(os.environ["ALIVE_FILE"]) if os.environ.get("ALIVE_FILE", "") else None
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "") or "redis://127.0.0.1:6379/0"
WEB_WORKERS = number("WEB_WORKERS", 2, least=1)  # processes of gunicorn
WEB_THREADS = number("WEB_THREADS", 4, least=1)  # threads of each

# --- Second classifier ----------------------------------------------------------------------------
LLM_URL = os.environ.get("LLM_URL", "").strip()  # empty: no message leaves the house
LLM_MODEL = os.environ.get("LLM_MODEL", "").strip()
LLM_API_KEY = os.environ.get("LLM_API_KEY", "").strip()
LLM_DEADLINE_SECONDS = number("LLM_DEADLINE_SECONDS", 10, least=1)
LLM_CALLS_A_DAY = number("LLM_CALLS_A_DAY", 1000)
# May have private addresses, and may do without TLS.
LLM_ALLOWED_HOSTS = [host.lower() for host in listed("LLM_ALLOWED_HOSTS")]
LLM_REQUIRED = flag("LLM_REQUIRED", default=True)
if LLM_URL:
    _endpoint = urlsplit(LLM_URL)
    if _endpoint.scheme not in {"http", "https"} or not _endpoint.hostname:
        raise ImproperlyConfigured("LLM_URL must be an address such as https://llm.example.com/v1.")
    if _endpoint.scheme == "http" and _endpoint.hostname not in LLM_ALLOWED_HOSTS:
        raise ImproperlyConfigured(
            "LLM_URL must be https, or LLM_ALLOWED_HOSTS must name its host: customers' messages "
            "would travel in the open."
        )
    if not LLM_MODEL:
        raise ImproperlyConfigured("LLM_MODEL must name the model to ask at LLM_URL.")
    if LLM_DEADLINE_SECONDS > 60:
        raise ImproperlyConfigured("LLM_DEADLINE_SECONDS must be at most 60.")

# --- Alerts ---------------------------------------------------------------------------------------
ALERT_MAIL = listed("ALERT_MAIL")
ALERT_MAIL_CRITICAL = listed("ALERT_MAIL_CRITICAL")  # beside the others, for what cannot wait
for _address in [*ALERT_MAIL, *ALERT_MAIL_CRITICAL]:
    if _address.count("@") != 1 or any(sign in _address for sign in " <>\r\n"):
        raise ImproperlyConfigured("ALERT_MAIL must list addresses such as ops@example.com.")
ALERT_WEBHOOKS = listed("ALERT_WEBHOOKS")
ALERT_WEBHOOK_SECRET = os.environ.get("ALERT_WEBHOOK_SECRET", "").strip()
# May have private addresses, and may do without TLS.
ALERT_WEBHOOK_ALLOWED_HOSTS = [host.lower() for host in listed("ALERT_WEBHOOK_ALLOWED_HOSTS")]
for _webhook in ALERT_WEBHOOKS:
    if urlsplit(_webhook).scheme not in {"http", "https"} or not urlsplit(_webhook).hostname:
        raise ImproperlyConfigured("ALERT_WEBHOOKS must list addresses such as https://…/hook.")
if ALERT_WEBHOOKS and len(ALERT_WEBHOOK_SECRET) < 20:
    raise ImproperlyConfigured(
        "ALERT_WEBHOOK_SECRET must be set, to at least 20 random characters: it signs what is sent "
        "to ALERT_WEBHOOKS."
    )
DRIFT_ALARMS_A_YEAR = 1.0  # false ones, of all series together
# Where `manage.py backup` puts its files; 0 hours: their age is no alert.
BACKUP_DIR = Path(os.environ.get("BACKUP_DIR", "") or DATA_DIR / "backups")
BACKUP_MAX_HOURS = number("BACKUP_MAX_HOURS", 0)

# --- Console --------------------------------------------------------------------------------------
UNFOLD = {
    "SITE_TITLE": "SupportOps",
    "SITE_HEADER": "SupportOps",
    "SITE_SUBHEADER": BUSINESS_NAME,
    "SITE_URL": "/ui/",
    "SITE_SYMBOL": "support_agent",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": "supportops.console.site.favicon"}
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "supportops.console.site.home",
    "STYLES": ["supportops.console.site.styles", "supportops.console.site.chart_styles"],
    "SCRIPTS": ["supportops.console.site.scripts"],
    "SIDEBAR": {"show_search": False, "navigation": "supportops.console.site.navigation"},
    "COMMAND": {"search_models": False},
}

# --- Logs -----------------------------------------------------------------------------------------
_for_people = DEBUG or TESTING or sys.stderr.isatty()
LOG_FORMAT = one_of("LOG_FORMAT", "plain" if _for_people else "json", "plain", "json")
SLOW_STATEMENT_MS = number("SLOW_STATEMENT_MS", 500)  # 0: statements are not timed
SLOW_REQUEST_MS = number("SLOW_REQUEST_MS", 2_000)  # 0: requests are not noted
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "supportops.logs.Redact"}},
    "formatters": {"line": {"()": "supportops.logs.formatter", "style": LOG_FORMAT}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["redact"],
        }
    },
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "supportops": {"level": "INFO"},
        "django.security.DisallowedHost": {"level": "ERROR"},
        "django.server": {"handlers": ["stderr"], "propagate": False},
    },
}
