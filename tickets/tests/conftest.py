"""What tests of the pipeline share: a business that automates, and people who write to it."""

import pytest

from decisions.tests.factories import CertificateFactory
from tickets.history.record import Actor


@pytest.fixture
def automating(starter, says):
    """The starter policy with a permit. Order status, at 0.97, is answered automatically.

    Returns `says`, with which the classifier can be made to say something else.
    """
    CertificateFactory()
    says("order_status")
    return says


@pytest.fixture
def by_agent(agent):
    return Actor.person(agent)
