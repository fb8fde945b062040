"""Finding tickets by what people type: a name, an address, a reference or words."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from tickets.models import Message, Requester, Ticket
from tickets.references import PATTERN

LONGEST = 200
MOST_WORDS = 8


def search(queryset: QuerySet[Ticket], q: str) -> QuerySet[Ticket]:
    """The tickets that match; all of them when nothing is asked.

    A whole reference or address is looked up by its index. Otherwise each word must stand in the
    requester's name or address, in the reference or in a message, whatever its case.
    """
    asked = q.replace("\0", "").strip()[:LONGEST]
    if PATTERN.fullmatch(asked.upper()):
        return queryset.filter(reference=asked.upper())
    if "@" in asked and Requester.objects.filter(email=asked.lower()).exists():
        return queryset.filter(requester__email=asked.lower())
    for word in asked.split()[:MOST_WORDS]:
        queryset = queryset.filter(_stands_somewhere(word))
    return queryset


def _stands_somewhere(word: str) -> Q:
    people = Requester.objects.filter(Q(name__icontains=word) | Q(email__icontains=word))
    said = Message.objects.filter(
        Q(body__icontains=word) | Q(subject__icontains=word), ticket=OuterRef("pk")
    )
    return Q(reference__icontains=word) | Q(requester__in=people.values("pk")) | Q(Exists(said))
