"""What tests with real processes share."""

import pytest
from django.db import connection

from supportops.tests import processes


def address_of_test_database():
    """The suite's own database as a DATABASE_URL, so that other processes see the same rows."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    login = settings["USER"] + (f":{settings['PASSWORD']}" if settings["PASSWORD"] else "")
    return f"postgres://{login}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


@pytest.fixture
def around(transactional_db, tmp_path):
    """Environment of processes that work on the suite's database, in a folder of their own."""
    return processes.environment(
        tmp_path,
        DATABASE_URL=address_of_test_database(),
        CACHE_URL="locmem",
        SWEEP_AFTER_SECONDS="1",
    )
