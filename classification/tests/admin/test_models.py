"""Model versions in the console: how good they are, against each other, and which serves."""

import pytest
from django.utils import timezone

from classification import services
from classification.models import Promotion
from classification.tests.corpus import rows
from classification.training import train
from classification.training.train import TrainingData
from tickets.history.record import Actor
from tickets.models import AuditRecord
from tickets.tests.at_work import as_user, words_of

pytestmark = pytest.mark.django_db
LIST = "/ops/classification/modelversion/"


@pytest.fixture
def models(starter, settings, tmp_path):
    """Two trained versions, the first of which is in force."""
    settings.MODEL_DIR = tmp_path
    texts, intents = rows()
    now = timezone.now()
    made = []
    for name, wanted in (("first", slice(None)), ("second", slice(0, 120))):
        data = TrainingData(
            [f"{n}" for n in range(len(texts[wanted]))], texts[wanted], intents[wanted]
        )
        made.append(train.train("linear", data, name=name, now=now).version)
    services.promote(made[0], actor=Actor.machine(), reason="First.", now=now)
    return made


def page(model) -> str:
    return f"{LIST}{model.pk}/change/"


def test_a_models_page_shows_scores_charts_and_confusions(models, lead):
    response = as_user(lead).get(page(models[0]))
    words = words_of(response)
    assert "In force" in words
    assert "Right, in scope" in words
    assert "Does confidence mean what it says?" in words
    assert "It has no certificate" in words
    assert [chart.title for chart in response.context["charts"]] == [
        "Does confidence mean what it says?",
        "What would automating more cost?",
    ]


def test_a_model_stored_without_charts_still_has_a_page(models, lead):
    type(models[0]).objects.bulk_create(
        [
            type(models[0])(
                version="linear-old",
                classifier="linear",
                manifest_sha256="0" * 64,
                training_rows=3,
                training_sha256="1" * 64,
                scores={"accuracy": 0.5},
                trained_at=timezone.now(),
            )
        ]
    )
    response = as_user(lead).get(page(type(models[0]).objects.get(version="linear-old")))
    assert response.status_code == 200
    assert response.context["charts"] == []


def test_a_lead_puts_a_version_in_force_with_a_reason(models, lead):
    address = f"{LIST}{models[1].pk}/promote/"
    client = as_user(lead)
    client.post(address, {"reason": ""})
    assert Promotion.objects.count() == 1
    client.post(address, {"reason": "Fewer messages, for a test."})
    latest = Promotion.objects.latest("id")
    assert (latest.model, latest.by) == (models[1], lead)
    assert AuditRecord.objects.filter(kind="promotion").count() == 2


def test_going_back_is_putting_the_older_one_in_force_again(models, lead):
    client = as_user(lead)
    for model in (models[1], models[0]):
        client.post(f"{LIST}{model.pk}/promote/", {"reason": "To and fro."})
    assert Promotion.objects.latest("id").model == models[0]
    assert "In force" in words_of(client.get(page(models[0])))


def test_a_damaged_version_is_not_put_in_force(models, lead, settings):
    (settings.MODEL_DIR / models[1].version / "facts.json").write_text("{}")
    response = as_user(lead).post(f"{LIST}{models[1].pk}/promote/", {"reason": "Try."}, follow=True)
    assert "It was not put in force." in words_of(response)
    assert Promotion.objects.count() == 1


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_others_put_nothing_in_force(models, role, request):
    client = as_user(request.getfixturevalue(role))
    assert client.post(f"{LIST}{models[1].pk}/promote/", {"reason": "Me."}).status_code == 403
    assert Promotion.objects.count() == 1


def test_comparing_without_reviews_says_that_there_is_nothing_to_compare_on(models, auditor):
    words = words_of(as_user(auditor).get(f"{LIST}{models[1].pk}/compare/"))
    assert "There are no messages of this kind" in words
