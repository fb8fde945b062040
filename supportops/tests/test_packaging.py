"""What ships beside the code agrees with it."""

import subprocess
import tomllib

import yaml
from django.conf import settings

import supportops
from supportops.tests.test_settings import variables_read

# Given by the image or by the composition itself, or of no use in a container.
FIXED = {
    "AUDIT_HEADS_FILE",
    "AUDIT_KEY_FILE",
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "DATABASE_URL",
    "DATA_DIR",
    "DEBUG",
    "LOG_FORMAT",
    "MODEL_DIR",
    "STATIC_ROOT",
    "TASK_ENGINE",
    "TESTING",
}


def composition():
    return yaml.safe_load((settings.BASE_DIR / "docker-compose.yml").read_text())


def test_the_composition_passes_every_setting_on():
    assert set(composition()["x-settings"]) == variables_read() - FIXED


def test_an_empty_variable_means_the_default_as_the_composition_needs():
    passed = composition()["x-settings"]
    own = {name for name, value in passed.items() if not value.endswith(":-}")}
    assert own == {"ALLOWED_HOSTS", "PUBLIC_URL", "METRICS_ALLOWED_NETS"}


def test_the_web_server_listens_on_this_machine_only_unless_told():
    services = composition()["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in published)


def test_all_that_share_rows_share_one_volume():
    services = composition()["services"]
    for pair in (("web", "worker"), ("web-scale", "celery", "beat")):
        assert len({services[name]["volumes"][0] for name in pair}) == 1


def test_no_key_and_no_data_get_into_the_image():
    ignored = (settings.BASE_DIR / ".dockerignore").read_text().split()
    assert {".env", ".git", "var", "*.sqlite3*"} <= set(ignored)


def test_the_entry_point_is_sound_shell():
    script = settings.BASE_DIR / "docker-entrypoint.sh"
    assert subprocess.run(["sh", "-n", script], check=False).returncode == 0
    assert script.stat().st_mode & 0o111


def test_one_version_everywhere():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert project["version"] == supportops.__version__
