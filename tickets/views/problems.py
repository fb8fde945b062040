"""What may go wrong between a person and us, in words, with the text kept."""

import logging
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger("supportops.pages")

TOO_LARGE = (RequestDataTooBig, TooManyFieldsSent)
# Above what is taken, and still few enough bytes to hand a text back.
GIVEN_BACK = 2 * 1024 * 1024
TRY_AGAIN_AFTER = 30


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something was not taken: shown on top of the page that gives the text back."""

    status: int
    words: str | Promise
    retry_after: int | None = None

    def marked(self, response: HttpResponse) -> HttpResponse:
        response.status_code = self.status
        if self.retry_after is not None:
            response["Retry-After"] = str(self.retry_after)
        return response


FAULTY = Problem(
    400,
    _("Something is missing or not right yet. What you typed is still here."),
)
ROBOT = Problem(
    400,
    _(
        "A field that people do not see was filled in, which spam robots do. Sometimes a browser "
        "does it too. We have emptied that field, and your text is still here: please send it "
        "once more."
    ),
)
BROKEN = Problem(400, _("There is a broken character in here. Please remove it."))
STALE = Problem(
    403,
    _(
        "Nothing was sent yet, because this page was open for a long time or your browser keeps "
        "no cookies. Your text is still here: please send it once more. If you see this again, "
        "allow cookies for this site."
    ),
)
ENDED = Problem(
    409,
    _(
        "This conversation has ended, so nothing can be added. Your text is still here: you can "
        "copy it into a new message to us."
    ),
)
TOO_LONG = Problem(
    413,
    _(
        "Your text is far longer than we can take, so nothing was sent. It is still here: please "
        "shorten it to 20,000 characters, or send it in parts."
    ),
)
FAR_TOO_LONG = Problem(
    413,
    _(
        "What you sent is too large for us to take in, so nothing was sent. Go back in your "
        "browser to find your text, and shorten it to 20,000 characters."
    ),
)
UNAVAILABLE = Problem(
    503,
    _(
        "We cannot store anything right now; the fault is ours. What you typed is still here: "
        "please send it again in a minute."
    ),
    retry_after=TRY_AGAIN_AFTER,
)


def is_readable(request: HttpRequest) -> bool:
    """Whether a form is UTF-8 throughout. Django would put signs of replacement into the text, and
    what is taken has to be what was sent."""
    if request.content_type != "application/x-www-form-urlencoded":
        return True
    try:
        unquote_to_bytes(request.body).decode()
    except UnicodeDecodeError:
        return False
    return True


def too_often(seconds: int) -> Problem:
    return Problem(
        429,
        _(
            "Many messages have come from you or your network in a short time, so this one was "
            "not sent yet. Your text is still here: please send it again a little later."
        ),
        retry_after=seconds,
    )


def unavailable(error: Exception) -> Problem:
    """The database did not take it. Its words may hold personal data, so they are not logged."""
    logger.error("the database fails a customer: %s", type(error).__name__)
    return UNAVAILABLE


def too_long(request: HttpRequest) -> tuple[Problem, QueryDict]:
    """For a body above the limit: what was typed, unless it is so large that it stays unread."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > GIVEN_BACK or request.content_type != "application/x-www-form-urlencoded":
        return FAR_TOO_LONG, QueryDict()
    try:
        return TOO_LONG, QueryDict(request.read(length), encoding="utf-8")
    except (TooManyFieldsSent, OSError):
        return FAR_TOO_LONG, QueryDict()
