"""The business's colour: whatever it is, everything can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickets.views import colours
from tickets.views.colours import DARK, LIGHT, contrast, palette, parsed, style_sheet

any_colour = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)
schemes = st.sampled_from([LIGHT, DARK])


def test_contrast_is_that_of_the_standard():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


@given(any_colour, schemes)
def test_every_text_reaches_the_contrast_that_people_need(colour, scheme):
    named = {name: parsed(value) for name, value in palette(colour, scheme).items()}
    for ink, background in [
        ("on-band", "band"),
        ("on-button", "button"),
        ("ink", "page"),
        ("ink", "card"),
        ("ink", "tint"),
    ]:
        assert contrast(named[ink], named[background]) >= 4.5, (ink, background)


@given(any_colour, schemes)
def test_every_button_stands_out(colour, scheme):
    named = {name: parsed(value) for name, value in palette(colour, scheme).items()}
    assert contrast(named["button"], named["page"]) >= 3
    assert contrast(named["button"], named["card"]) >= 3


def test_a_colour_that_stands_out_is_kept_as_it_is():
    assert palette("#0f5fa8", LIGHT)["band"] == "#0f5fa8"
    assert palette("#0f5fa8", LIGHT)["button"] == "#0f5fa8"


def test_short_notation_means_the_same():
    assert style_sheet("#0af") == style_sheet("#00AAFF")


@pytest.mark.parametrize(
    "text", ["", "red", "#12", "#12345", "#ggg", "#fff;} body{display:none", "#fff\n", "url(x)"]
)
def test_what_is_no_colour_becomes_the_products_own(text):
    assert style_sheet(text) == style_sheet(colours.FALLBACK)


def test_the_style_sheet_is_served_and_may_be_kept(client, settings):
    settings.BUSINESS_COLOUR = "#7a1fa2"
    response = client.get("/ui/theme.css")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/css"
    assert response["Cache-Control"] == "public, max-age=86400"
    assert "--band:#7a1fa2;" in response.content.decode()
    assert "prefers-color-scheme:dark" in response.content.decode()
    assert not response.cookies


def test_pages_ask_for_the_style_sheet_of_their_colour(client, settings):
    settings.BUSINESS_COLOUR = "#7a1fa2"
    assert "/ui/theme.css?%237a1fa2" in client.get("/ui/").content.decode()
