import pytest

from tickets.desk.thanks import is_only_thanks


@pytest.mark.parametrize(
    "text",
    [
        "Thanks",
        "thank you!",
        "Thank you so much for the quick reply",
        "Thanks again!",
        "Thank you once again, have a nice day",
        "Great, it worked, thanks",
        "Thanks, that solved my problem.",
        "The problem is solved. Thank you!",
        "Perfect!",
        "Vielen Dank für die schnelle Hilfe",
        "Thanks, that’s great",
        "THANKS\n\nBest regards",
        "Thank you.\nBest regards,\nDora",
        "Thank you!\n\nKind regards\nDora van der Berg",
        "Danke, das hat geholfen!",
        "Danke schön",
        "Vielen lieben Dank\nViele Grüße\nJörg",
        "Cheers mate",
        "👍",
        "Thanks 👍",
    ],
)
def test_thanks_and_nothing_else(text):
    assert is_only_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "Thanks, but it did not work",
        "Thanks, I have this problem again",
        "Thanks, it is the same problem",
        "Thanks. And when does it arrive?",
        "Thanks for nothing",
        "Thanks, my order is 10234",
        "Thanks, now I got an error",
        "No thanks",
        "The problem is not solved. Thank you!",
        "Thanks " * 13,
        "Great, still broken",
        "👎",
        "Danke, das hat nicht geholfen",
        "Thanks\nBest regards\nplease cancel my order as well",
        "Thanks\nRefund",
        "Best regards\nDora",
        "Thanks, it worked, and I want my money back",
    ],
)
def test_anything_more_than_thanks(text):
    assert not is_only_thanks(text)
