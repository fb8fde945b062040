"""`manage.py rebuild_metrics`."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from metrics.models import RollupState, Series, Tally
from metrics.rollup import rebuild, roll_up
from metrics.tests.rollup.test_roll_up import caught_up, everything_counted
from tickets.tests.factories import TicketFactory

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def counted():
    """Five tickets in three hours far apart, and what was counted of them."""
    now = timezone.now()
    for hours in (5, 5, 100, 2000, 2000):
        TicketFactory(created_at=now - hours * HOUR, decided=True)
    caught_up(now)
    return now


def test_wrong_rows_are_put_right(counted, capsys):
    before = everything_counted()
    Tally.objects.filter(dimension="all").update(tickets=77)
    Series.objects.filter(span="h").delete()
    call_command("rebuild_metrics")
    assert everything_counted() == before
    assert "hours counted, 3 changed." in capsys.readouterr().out


def test_a_dry_run_says_what_is_wrong_and_writes_nothing(counted, capsys):
    Tally.objects.filter(dimension="all", tickets=2).update(tickets=77)
    before, state = everything_counted(), RollupState.objects.values().get()
    call_command("rebuild_metrics", "--dry-run")
    assert "2 would change." in capsys.readouterr().out
    assert (everything_counted(), RollupState.objects.values().get()) == (before, state)


def test_a_dry_run_works_before_anything_was_counted(capsys):
    TicketFactory(created_at=timezone.now() - 5 * HOUR, decided=True)
    call_command("rebuild_metrics", "--dry-run")
    assert "1 would change." in capsys.readouterr().out
    assert not RollupState.objects.exists()


def test_it_goes_on_where_it_was_stopped(counted):
    Tally.objects.filter(dimension="all", span="h").update(tickets=77)
    run = rebuild.rebuild(counted)
    first = next(run)
    run.close()  # stopped by hand
    assert first.different == 1
    rest = list(rebuild.rebuild(counted))
    assert [batch.different for batch in rest] == [1, 1]
    assert RollupState.objects.get().rebuilt_until is None
    assert len(list(rebuild.rebuild(counted))) == 3  # the next one begins at the start


def test_a_period_is_rebuilt_alone(counted):
    Tally.objects.filter(dimension="all", span="h").update(tickets=77)
    batches = list(rebuild.rebuild(counted, since=counted - 101 * HOUR))
    assert sum(batch.different for batch in batches) == 2
    assert roll_up.state().rebuilt_until is None


def test_a_period_the_wrong_way_round_is_refused(db):
    with pytest.raises(CommandError, match="--since must be before --until"):
        call_command("rebuild_metrics", "--since", "2026-02-01", "--until", "2026-01-01")
