"""Ask for a certificate: blind reviews, held-out messages, or the reserve for a new model."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from classification import services as classification
from classification.contract import ClassifierUnavailable, ModelDamaged
from classification.models import ModelVersion
from classification.starter.corpus import OUT_OF_SCOPE
from classification.training import train
from classification.training.train import DataUnusable, TrainingData
from decisions.certificates.earn import Found
from decisions.certificates.statement import second_look
from decisions.in_force import NoPolicyInForce
from decisions.models import Certificate
from tickets.history.record import Actor
from tickets.learning import certify, reserve
from tickets.learning.certify import OUTSIDE_SHARE, HeldOut, HeldOutUnusable
from tickets.learning.reserve import Tried

EXAMPLES = """
Examples:
  manage.py certify --dry-run
  manage.py certify --alpha 0.02
  manage.py certify --held-out labelled.csv --alpha 0.05
  manage.py certify --held-out starter --out-of-scope-share 0.6 --alpha 0.05
  manage.py certify --reserve --model linear-3f2a91c0d4e5
"""
STARTER = "starter"


class Command(BaseCommand):
    help = (
        "Judge a model under the policy in force, and issue a certificate if one was earned. "
        "Without options: on blind reviews of live tickets, as often as you like. --held-out: a "
        "provisional permit from labelled messages that the model was not trained on, one planned "
        "look. --reserve: a model that is not in force, on reviewed messages of people who are "
        "never trained on."
    )

    def create_parser(self, *args: Any, **kwargs: Any) -> Any:
        parser = super().create_parser(*args, **kwargs)
        parser.formatter_class = RawDescriptionHelpFormatter
        parser.epilog = EXAMPLES
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--alpha", type=float, default=0.02, help="share that may be wrong")
        parser.add_argument("--delta", type=float, default=0.05, help="doubt that may remain")
        parser.add_argument("--dry-run", action="store_true", help="judge only")
        parser.add_argument("--model", help="a model version; default: the one in force")
        source = parser.add_mutually_exclusive_group()
        source.add_argument(
            "--held-out", metavar="FILE", help="CSV of labelled messages, or `starter`"
        )
        source.add_argument("--reserve", action="store_true", help="try a new model on the reserve")
        parser.add_argument("--text-column", default="text")
        parser.add_argument("--intent-column", default="intent")
        parser.add_argument("--out-of-scope-label", default=OUT_OF_SCOPE)
        parser.add_argument(
            "--out-of-scope-share",
            type=float,
            default=OUTSIDE_SHARE,
            help="share of your traffic that fits no intent; the held-out messages are mixed so",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not (0 < options["alpha"] < 0.5 and 0 < options["delta"] < 0.5):
            raise CommandError("--alpha and --delta must lie between 0 and 0.5.")
        if not 0 <= options["out_of_scope_share"] < 1:
            raise CommandError("--out-of-scope-share must be 0 or more and below 1.")
        try:
            if options["held_out"]:
                certificate = self._held_out(options)
            elif options["reserve"]:
                certificate = self._reserve(options)
            else:
                certificate = self._live(options)
        except (NoPolicyInForce, DataUnusable, HeldOutUnusable) as error:
            raise CommandError(str(error)) from error
        except (ClassifierUnavailable, ModelDamaged) as error:
            raise CommandError(str(error)) from error
        if options["dry_run"]:
            self.stdout.write("Dry run. Nothing was written.")
        elif certificate is not None:
            self.stdout.write(f"Certificate {certificate.pk}. {certificate.statement}")

    def _live(self, options: dict[str, Any]) -> Certificate | None:
        version = options["model"] or classification.serving_version()
        if version is None:
            raise CommandError("No classifier is in force.")
        asked = {"alpha": options["alpha"], "delta": options["delta"], "now": timezone.now()}
        if options["dry_run"]:
            self._tell_live(certify.judge_live(version, **asked))
            return None
        found, certificate = certify.issue_live(version, actor=Actor.machine(), **asked)
        self._tell_live(found)
        return certificate

    def _held_out(self, options: dict[str, Any]) -> Certificate | None:
        data = self._data(options)
        asked: dict[str, Any] = {
            "outside_share": options["out_of_scope_share"],
            "alpha": options["alpha"],
            "delta": options["delta"],
        }
        model = self._model(options)
        if options["dry_run"]:
            self._tell_held_out(certify.judge_held_out(model, data, **asked))
            return None
        found, certificate = certify.issue_held_out(
            model, data, actor=Actor.machine(), now=timezone.now(), **asked
        )
        self._tell_held_out(found)
        return certificate

    def _reserve(self, options: dict[str, Any]) -> Certificate | None:
        model = self._model(options)
        asked = {"alpha": options["alpha"], "delta": options["delta"], "now": timezone.now()}
        if options["dry_run"]:
            self._tell_tried(reserve.judge(model, **asked))
            return None
        tried, certificate = reserve.issue(model, actor=Actor.machine(), **asked)
        self._tell_tried(tried)
        return certificate

    def _model(self, options: dict[str, Any]) -> ModelVersion:
        version = options["model"] or classification.serving_version()
        model = ModelVersion.objects.filter(version=version).first()
        if model is None:
            raise CommandError(f"There is no model version {version}; see `manage.py models`.")
        return model

    def _data(self, options: dict[str, Any]) -> TrainingData:
        if options["held_out"] == STARTER:
            return train.held_out_data()
        return train.read_csv(
            Path(options["held_out"]),
            text_column=options["text_column"],
            intent_column=options["intent_column"],
            out_of_scope_label=options["out_of_scope_label"],
        )

    def _tell_live(self, found: Found) -> None:
        self.stdout.write(
            f"{found.labelled} reviewed tickets count, {found.waiting} drawn ones are open. The "
            f"policy would automate {found.accepted} of them at some threshold; {found.errors} "
            f"of these are wrong."
        )
        self.stdout.write(second_look(found.agreed))
        if found.quarantined:
            self.stdout.write(f"Shown to be too often wrong: {', '.join(found.quarantined)}.")
        if found.permit is None:
            self.stdout.write(
                f"No certificate. It needs about {found.missing} further reviewed tickets that "
                f"the policy would automate, if none of them is wrong."
            )
            return
        permit = found.permit
        self.stdout.write(
            f"Earned: threshold {permit.threshold:.3f}, {permit.errors} of {permit.rows} wrong, "
            f"{permit.coverage:.1%} of tickets covered."
        )

    def _tell_held_out(self, found: HeldOut) -> None:
        self.stdout.write(
            f"{found.rows} held-out messages count, {found.outside} of them out of scope; "
            f"{found.left_over} were left over by that mixture. The policy would automate "
            f"{found.accepted} at some threshold; {found.errors} of these are wrong."
        )
        if found.permit is None:
            self.stdout.write(
                f"No permit. It needs about {found.missing} further messages mixed like these, if "
                f"no further one is answered wrongly: in a new sample that is looked at once."
            )
            return
        permit = found.permit
        self.stdout.write(
            f"Earned: threshold {permit.threshold:.3f}, {permit.errors} of {permit.rows} wrong, "
            f"{permit.coverage:.1%} of the messages covered."
        )

    def _tell_tried(self, tried: Tried) -> None:
        self.stdout.write(
            f"Version {tried.number} on the reserve: it may err with {tried.delta:.4f}. "
            f"{tried.labelled} reviewed messages count; the policy would automate {tried.accepted} "
            f"at some threshold; {tried.errors} of these are wrong."
        )
        if tried.permit is None:
            self.stdout.write("No certificate. More reviews may earn one; ask again then.")
            return
        permit = tried.permit
        self.stdout.write(
            f"Earned: threshold {permit.threshold:.3f}, {permit.errors} of {permit.rows} wrong, "
            f"{permit.coverage:.1%} of tickets covered."
        )
