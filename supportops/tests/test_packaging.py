"""What ships beside the code agrees with it."""

import os
import stat
import subprocess
import tomllib

import pytest
import yaml
from django.conf import settings

import supportops
from supportops.tests.test_settings import variables_read

# Given by the image or by the composition itself, or of no use in a container.
FIXED = {
    "ALIVE_FILE",
    "AUDIT_HEADS_FILE",
    "AUDIT_KEY_FILE",
    "CACHE_URL",
    "CELERY_BROKER_URL",
    "DATABASE_PASSWORD",
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
    assert {".git", ".venv", "var", "starter"} <= set(ignored)
    nested = (".env", ".env.*", "*.sqlite3*", "*.key", "*.pem", "*.pub", "*.tar*", "*.tgz", "*.zip")
    assert {f"**/{pattern}" for pattern in nested} <= set(ignored)


def own_services():
    """Those that run the product's image."""
    services = composition()["services"]
    return {name: one for name, one in services.items() if one["image"] == "supportops"}


def test_one_service_builds_the_image_and_the_others_never_look_for_it_elsewhere():
    own = own_services()
    assert [name for name, service in own.items() if "build" in service] == ["web"]
    others = {service["pull_policy"] for name, service in own.items() if name != "web"}
    assert others == {"never"}
    assert "profiles" not in own["web"]  # so that it is there, and builds, with any profile


def test_every_service_has_limits_and_logs_that_end():
    for name, service in composition()["services"].items():
        assert service["mem_limit"], name
        assert service["pids_limit"], name
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}, name


def test_the_product_runs_without_rights_on_a_root_that_it_cannot_write():
    for name, service in own_services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["init"] is True, name
        assert service["tmpfs"][0].startswith("/tmp:"), name
    assert "USER 10001:10001" in (settings.BASE_DIR / "Dockerfile").read_text().splitlines()


def test_who_does_no_web_is_judged_by_the_file_that_it_touches():
    image = (settings.BASE_DIR / "Dockerfile").read_text()
    assert "ALIVE_FILE=/tmp/alive " in image
    judged = {
        name: service["healthcheck"]["test"][1]
        for name, service in own_services().items()
        if "healthcheck" in service
    }
    assert set(judged) == {"worker", "celery", "beat"}
    assert set(judged.values()) == {'test -n "$$(find /tmp/alive -mmin -3)"'}


def test_links_in_mails_name_one_port_whoever_of_a_profile_sends_them():
    for names in (("web", "worker"), ("web-scale", "celery", "beat")):
        services = [composition()["services"][name] for name in names]
        assert len({service["environment"]["PUBLIC_URL"] for service in services}) == 1
    scale = composition()["services"]["celery"]["environment"]["PUBLIC_URL"]
    assert scale == "${SCALE_PUBLIC_URL:-http://localhost:${SCALE_PORT:-8001}}"


def test_the_password_of_the_database_stands_in_no_address():
    distributed = composition()["x-distributed"]
    assert "POSTGRES_PASSWORD" not in distributed["DATABASE_URL"]
    postgres = composition()["services"]["postgres"]["environment"]
    assert distributed["DATABASE_PASSWORD"] == postgres["POSTGRES_PASSWORD"]


def test_who_may_read_metrics_follows_the_subnet():
    subnet = composition()["networks"]["default"]["ipam"]["config"][0]["subnet"]
    assert subnet.startswith("${SUBNET:-")
    assert subnet in composition()["x-settings"]["METRICS_ALLOWED_NETS"]


ENTRY = settings.BASE_DIR / "docker-entrypoint.sh"


def test_the_entry_point_is_sound_shell():
    assert subprocess.run(["sh", "-n", ENTRY], check=False).returncode == 0
    assert ENTRY.stat().st_mode & 0o111


def container(tmp_path, python):
    """A data directory, and an environment in which `python` is this script."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text(f"#!/bin/sh\n{python}\n")
    (tmp_path / "bin" / "python").chmod(0o755)
    (tmp_path / "data").mkdir()
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    return {"PATH": path, "DATA_DIR": str(tmp_path / "data")}


def test_the_entry_point_makes_a_key_once_and_hands_none_on(tmp_path):
    around = container(tmp_path, 'if [ "$1" = -c ]; then echo drawn; else echo "[$SECRET_KEY]"; fi')
    first = subprocess.run([ENTRY, "doctor"], env=around, capture_output=True, text=True)
    kept = tmp_path / "data" / "secret.key"
    assert (first.stdout, kept.read_text()) == ("[]\n", "drawn\n")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert list(kept.parent.iterdir()) == [kept]
    kept.write_text("mine\n")
    again = subprocess.run([ENTRY, "doctor"], env=around, capture_output=True, text=True)
    assert (again.stderr, kept.read_text()) == ("", "mine\n")


@pytest.mark.parametrize("busy_with", ["prepare", "serve"])
def test_sigterm_reaches_whatever_the_container_is_busy_with(busy_with, tmp_path):
    heard = tmp_path / "heard"
    python = (
        f'[ "$2" = {busy_with} ] || exit 0\n'
        f"trap 'echo $2 > {heard}; exit 7' TERM; echo ready; while :; do sleep 0.1; done"
    )
    around = container(tmp_path, python) | {"SECRET_KEY": "k" * 50}
    with subprocess.Popen([ENTRY, "web", "--demo"], env=around, stdout=subprocess.PIPE) as entry:
        assert entry.stdout.readline() == b"ready\n"
        entry.terminate()
        assert entry.wait(30) == 7
    assert heard.read_text() == f"{busy_with}\n"


def test_a_failed_preparation_ends_the_container_with_its_code(tmp_path):
    around = container(tmp_path, "exit 3") | {"SECRET_KEY": "k" * 50}
    assert subprocess.run([ENTRY, "web"], env=around, check=False).returncode == 3


def test_a_data_directory_that_cannot_be_written_is_one_sentence(tmp_path):
    around = container(tmp_path, "exit 3") | {"DATA_DIR": "/proc/1"}  # not even root writes there
    ended = subprocess.run([ENTRY, "web"], env=around, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("/proc/1 cannot be written by user ")
    assert ended.stderr.count("\n") == 1


def test_one_version_everywhere():
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    assert project["version"] == supportops.__version__
