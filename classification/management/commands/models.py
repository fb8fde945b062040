"""List models, and put one in force."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from classification import registry, services
from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.models import ModelVersion, Promotion
from tickets.history.record import Actor

EXAMPLES = """
Examples:
  manage.py models
  manage.py models show linear-3fa9c1d2
  manage.py models promote linear-3fa9c1d2 --reason "better on billing" --dry-run
  manage.py models rollback --reason "too many wrong on refunds"

Another model starts without a certificate: what is `auto` acts as `suggest` until one is issued.
"""
LONGEST_REASON = 300


class Command(BaseCommand):
    help = "Say which models there are, show one, put one in force, or go back to the one before."

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = ["list", "show", "promote", "rollback"]
        parser.add_argument("action", nargs="?", default="list", choices=actions)
        parser.add_argument("version", nargs="?")
        parser.add_argument("--reason", default="", help="goes on record")
        parser.add_argument("--user", help="who does it, by username")
        parser.add_argument("--dry-run", action="store_true", help="check, but change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        action = options["action"]
        if action == "list":
            self._list()
        elif action == "show":
            self._show(self._named(options["version"]))
        elif action == "promote":
            self._promote(self._named(options["version"]), options)
        else:
            self._promote(self._before(), options)

    def _list(self) -> None:
        current = _in_force()
        if not ModelVersion.objects.exists():
            self.stdout.write("There are none yet: manage.py train --starter --activate.")
        for model in ModelVersion.objects.order_by("id"):
            mark = "*" if current is not None and model.pk == current.pk else " "
            accuracy = model.scores.get("accuracy")
            right = f"{accuracy:.1%} right" if isinstance(accuracy, int | float) else ""
            self.stdout.write(
                f"{mark} {model.version:<24} {model.trained_at:%Y-%m-%d %H:%M} "
                f"{model.training_rows:>7} rows  {right:<12} {model.name}".rstrip()
            )
        if current is not None:
            self.stdout.write("* is in force.")

    def _show(self, model: ModelVersion) -> None:
        facts = {
            "classifier": model.classifier,
            "name": model.name,
            "trained": f"{model.trained_at:%Y-%m-%d %H:%M}",
            "rows": model.training_rows,
            "training data": model.training_sha256,
            "manifest": model.manifest_sha256,
            "files": _fault_of(model) or "whole, as they were pinned",
            **{name: value for name, value in model.scores.items() if _is_plain(value)},
        }
        self.stdout.write(model.version)
        for name, value in facts.items():
            self.stdout.write(f"  {name:<16} {value}")
        for promotion in model.promotions.select_related("by").order_by("id"):
            whom = promotion.by.get_username() if promotion.by else "the machine"
            self.stdout.write(
                f"  in force from    {promotion.at:%Y-%m-%d %H:%M}, by {whom}: {promotion.reason}"
            )

    def _promote(self, model: ModelVersion, options: dict[str, Any]) -> None:
        reason, current = options["reason"].strip(), _in_force()
        if not 0 < len(reason) <= LONGEST_REASON:
            raise CommandError(f"--reason says why, in at most {LONGEST_REASON} characters.")
        if current is not None and current.pk == model.pk:
            raise CommandError(f"{model.version} is in force already.")
        fault = _fault_of(model)
        if fault is not None:
            raise CommandError(f"{model.version} cannot serve: {fault}")
        actor = _actor(options["user"])
        if options["dry_run"]:
            self.stdout.write(f"{model.version} would be put in force. Nothing was written.")
            return
        services.promote(model, actor=actor, reason=reason, now=timezone.now())
        before = f" in place of {current.version}" if current else ""
        self.stdout.write(f"{model.version} is in force{before}. `auto` waits for a certificate.")

    def _named(self, version: str | None) -> ModelVersion:
        if version is None:
            raise CommandError("Name a version; manage.py models lists them.")
        model = ModelVersion.objects.filter(version=version).first()
        if model is None:
            raise CommandError(f"There is no model {version}; manage.py models lists them.")
        return model

    def _before(self) -> ModelVersion:
        """The one that served before the one in force came."""
        current = _in_force()
        for promotion in Promotion.objects.select_related("model").order_by("-id"):
            if current is not None and promotion.model_id != current.pk:
                return promotion.model
        raise CommandError("There was no other model before.")


def _in_force() -> ModelVersion | None:
    latest = Promotion.objects.select_related("model").order_by("-id").first()
    return latest.model if latest else None


def _fault_of(model: ModelVersion) -> str | None:
    """Why a model's files could not serve; None when they could."""
    folder = settings.MODEL_DIR / model.version
    try:
        registry.load_classifier(folder, expected_sha256=model.manifest_sha256)
    except (ModelDamaged, ClassifierUnavailable, OSError) as error:
        return str(error)
    return None


def _is_plain(value: Any) -> bool:
    return isinstance(value, int | float | str)


def _actor(username: str | None) -> Actor:
    if username is None:
        return Actor.machine()
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise CommandError(f"There is no user {username!r}.")
    return Actor.person(user)
