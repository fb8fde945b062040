from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TicketsConfig(AppConfig):
    name = "tickets"

    def ready(self) -> None:
        from tickets.history.triggers import install_triggers

        # A rebuilt SQLite table has lost its triggers, whichever app was migrated.
        post_migrate.connect(install_triggers, dispatch_uid="install_triggers")
