"""Training a model and taking what follows from it to the rules' side, as plain data."""

from dataclasses import dataclass
from datetime import datetime

from classification import services
from classification.contract import Progress
from classification.models import ModelVersion
from classification.training import train as training_train
from classification.training.train import Trained, TrainingData
from decisions.certificates import demo, validity
from decisions.models import Certificate
from decisions.policies import starter
from tickets.history.record import Actor
from tickets.learning import compare, reserve

STARTER_NAME = "starter"
FROM_REVIEW = "ticket-"  # before the number, in the ids of messages that came from reviews


@dataclass(frozen=True, slots=True)
class Learned:
    """A model version, with the demo permit that its held-out answers earned, if any."""

    trained: Trained
    certificate: Certificate | None
    promoted: bool


def train(
    classifier: str,
    data: TrainingData,
    *,
    name: str,
    activate: bool,
    actor: Actor,
    now: datetime,
    progress: Progress | None = None,
    from_starter: bool = False,
) -> Learned:
    """Train and, if asked, put in force. Only the starter data earn a demo permit, whatever other
    data are called."""
    trained = training_train.train(classifier, data, name=name, now=now, progress=progress)
    certificate = None
    if from_starter:
        certificate = demo_permit(trained, actor=actor, now=now)
    if activate:
        promote(trained.version, actor=actor, reason=f"Trained as {name}.", now=now)
    return Learned(trained, certificate, promoted=activate)


def with_reviews(data: TrainingData) -> tuple[TrainingData, int]:
    """The data with every reviewed message of people outside of the reserve; how many were added.

    What reviewers said fits no intent is out of scope: such messages teach most. The reserve stays
    unseen, so that it can judge whatever was learned.
    """
    seen = set(data.texts)
    added = [
        row
        for row in compare.reviewed_messages()
        if row.text not in seen and not reserve.holds(row.requester_id or 0)
    ]
    groups = data.groups and [*data.groups, *(f"person-{row.requester_id}" for row in added)]
    grown = TrainingData(
        ids=[*data.ids, *(f"{FROM_REVIEW}{row.ticket_id}" for row in added)],
        texts=[*data.texts, *(row.text for row in added)],
        intents=[*data.intents, *(row.intent for row in added)],
        groups=groups,
    )
    return grown, len(added)


def demo_permit(trained: Trained, *, actor: Actor, now: datetime) -> Certificate | None:
    """The demo certificate of a model; the one in force when it has one already."""
    version = trained.version
    in_force = validity.held(version.version, now).first
    return in_force or demo.issue_demo(
        classifier_version=version.version,
        intents=starter.automated_intents(),
        answered=trained.scores.intents,
        confidence=trained.scores.confidences,
        right=trained.scores.right,
        sample_sha256=version.training_sha256,
        actor=actor,
        now=now,
    )


def promote(version: ModelVersion, *, actor: Actor, reason: str, now: datetime) -> None:
    services.promote(version, actor=actor, reason=reason, now=now)


def train_starter(classifier: str, *, now: datetime, progress: Progress | None = None) -> Learned:
    """The model that a fresh install serves."""
    return train(
        classifier,
        training_train.starter_training_data(),
        name=STARTER_NAME,
        from_starter=True,
        activate=True,
        actor=Actor.machine(),
        now=now,
        progress=progress,
    )
