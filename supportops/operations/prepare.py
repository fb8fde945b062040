"""From an empty database to one that can serve. Every step may run again at any time."""

import fcntl
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from classification.models import Promotion
from classification.training import starter_intents
from decisions.policies import starter
from supportops.console import roles
from tickets.codes import Role
from tickets.data import demo as demo_tickets
from tickets.history.triggers import install_triggers
from tickets.learning import train as learning_train
from tickets.models import Ticket
from tickets.search import index

LOCK_NUMBER = 7_301_265_118  # any number; the same for all who prepare one PostgreSQL database
ACCOUNTS = {
    "admin": Role.ADMINISTRATOR,
    "agent": Role.AGENT,
    "lead": Role.LEAD,
    "auditor": Role.AUDITOR,
}
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike

Say = Callable[[str], None]
Show = Callable[[dict[str, str]], None]


def prepare(*, demo: bool, accounts: bool, template: Path | None, say: Say, show: Show) -> None:
    """Make the database ready; others who prepare it at the same time wait their turn.

    `show` is given names and passwords of new accounts the moment they are made.
    """
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # WhiteNoise warns of a directory that is missing
    with _alone_on_machine():
        if template is not None:
            start_from(template, say)
        with _alone_on_server():
            _prepare(demo=demo, accounts=accounts, say=say, show=show)


def _prepare(*, demo: bool, accounts: bool, say: Say, show: Show) -> None:
    migrate(say)
    make_cache_table()
    install_triggers()
    index_words(say)
    roles.install_roles()
    starter_intents.install_intents()
    if starter.install_starter(timezone.now()):
        say("Policy: the starter policy is in force.")
    train(say)
    if accounts:
        make_accounts(show)
    if demo:
        add_demo_tickets(say)


def migrate(say: Say) -> None:
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if waiting:
        say(f"Database: applying {waiting} migrations.")
        call_command("migrate", verbosity=0, interactive=False)


def index_words(say: Say) -> None:
    """What a version without the index has left is found by its words too."""
    if index.is_behind():
        say("Search: indexing the words of all tickets.")
        for _ in index.rebuild():
            continue


def make_cache_table() -> None:
    """The table of the shared cache, in the file that the cache has for itself on SQLite."""
    if settings.CACHE_URL != "database":
        return
    alias = "cache" if "cache" in settings.DATABASES else "default"
    call_command("createcachetable", database=alias, verbosity=0, stdout=StringIO())


def train(say: Say) -> None:
    """The starter model, where no model was ever put in force."""
    if Promotion.objects.exists():
        return
    say(f"Classifier: training {settings.CLASSIFIER!r} from the starter messages.")
    learned = learning_train.train_starter(
        settings.CLASSIFIER,
        now=timezone.now(),
        progress=lambda words, share: say(f"  {share:4.0%} {words}"),
    )
    scores = learned.trained.version.scores
    say(f"  {learned.trained.version}: {scores['accuracy']:.1%} right on messages it had not seen.")


@transaction.atomic
def make_accounts(show: Show) -> None:
    """One account for each role where nobody has an account yet.

    Shown before they are committed: whoever is killed in between gets others at the next start,
    and nobody is left with accounts whose passwords were never seen.
    """
    if User.objects.exists():
        return
    passwords = {name: new_password() for name in ACCOUNTS}
    for name, role in ACCOUNTS.items():
        user = User.objects.create_user(
            name,
            password=passwords[name],
            is_staff=True,
            is_superuser=role == Role.ADMINISTRATOR,
        )
        user.groups.add(Group.objects.get(name=role.value))
    show(passwords)


def add_demo_tickets(say: Say) -> None:
    """Demo tickets where there are none yet, and the rest of those that were interrupted."""
    begun = demo_tickets.unfinished()
    if begun is None and Ticket.objects.exists():
        return
    if begun is None:
        say("Demo: writing tickets of the last two weeks.")
    else:
        say("Demo: tickets are missing.")
    call_command("seed_demo")


def new_password() -> str:
    """About 79 random bits in four groups that can be typed."""
    groups = ("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def start_from(template: Path, say: Say) -> None:
    """Begin with a data directory that was prepared before, such as the one in the image."""
    target = Path(settings.DATABASES["default"]["NAME"])
    source = template / target.name
    if not settings.IS_SQLITE or target.exists() or not source.is_file():
        return
    say("Database: starting from the one in the image.")
    shutil.copytree(template / "models", settings.MODEL_DIR, dirs_exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    shutil.copyfile(source, draft)
    draft.rename(target)


@contextmanager
def _alone_on_machine() -> Iterator[None]:
    with (settings.DATA_DIR / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _alone_on_server() -> Iterator[None]:
    """On PostgreSQL several machines may start at once."""
    if connection.vendor != "postgresql":
        yield
        return
    apart = connection.copy()
    apart.settings_dict["OPTIONS"].pop("pool", None)  # not one of the pool's few connections
    try:
        with apart.cursor() as cursor:
            cursor.execute("SET lock_timeout = 0")
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK_NUMBER])
        yield
    finally:
        apart.close()
