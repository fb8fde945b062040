"""The business's colour, turned into a set that can be read. Pure: no Django.

Contrast is that of WCAG 2.2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

import re
from dataclasses import dataclass

HEX = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
FALLBACK = "#0f5fa8"
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
TEXT_CONTRAST = 4.5
SHAPE_CONTRAST = 3.0
STEPS = 50
EDGE_SHARE = 0.42

Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Scheme:
    """Surfaces that the colour has to get along with, in light or in dark."""

    page: Colour
    card: Colour
    towards: Colour  # where the colour goes to be seen better
    band_share: float  # how much of the colour the band on top keeps
    tint_share: float


LIGHT = Scheme((246, 247, 249), WHITE, BLACK, 1.0, 0.09)
DARK = Scheme((15, 19, 25), (24, 30, 39), WHITE, 0.42, 0.16)


def parsed(text: str) -> Colour:
    """`#rgb` or `#rrggbb`; anything else is the product's own blue."""
    digits = (text if HEX.fullmatch(text) else FALLBACK)[1:]
    if len(digits) == len("rgb"):
        digits = "".join(2 * digit for digit in digits)
    return (int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16))


def written(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` of the colour, the rest of the other one."""
    red, green, blue = (
        round(share * mine + (1 - share) * its) for mine, its in zip(colour, other, strict=True)
    )
    return (red, green, blue)


def luminance(colour: Colour) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """From 1, the same, to 21, black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def readable_on(background: Colour) -> Colour:
    """Black or white: one of them always reaches 4.5."""
    return max((WHITE, BLACK), key=lambda ink: contrast(ink, background))


def stronger(colour: Colour, towards: Colour, backgrounds: list[Colour], least: float) -> Colour:
    """The nearest colour that stands out enough from all the backgrounds."""
    candidates = (mixed(towards, colour, step / STEPS) for step in range(STEPS + 1))
    return next(
        (c for c in candidates if min(contrast(c, b) for b in backgrounds) >= least), towards
    )


def palette(text: str, scheme: Scheme) -> dict[str, str]:
    """Custom properties of the style sheet, by name."""
    colour = parsed(text)
    tint = mixed(colour, scheme.card, scheme.tint_share)
    surfaces = [scheme.page, scheme.card, tint]
    band = mixed(colour, scheme.page, scheme.band_share)
    button = stronger(colour, scheme.towards, [scheme.page, scheme.card], SHAPE_CONTRAST)
    ink = stronger(colour, scheme.towards, surfaces, TEXT_CONTRAST)
    named = {
        "page": scheme.page,
        "card": scheme.card,
        "band": band,
        "on-band": readable_on(band),
        "button": button,
        "on-button": readable_on(button),
        "ink": ink,
        "tint": tint,
        "edge": mixed(ink, scheme.card, EDGE_SHARE),
    }
    return {name: written(value) for name, value in named.items()}


def style_sheet(text: str) -> str:
    """The colours as CSS, for light and dark."""

    def block(scheme: Scheme) -> str:
        return "".join(f"--{name}:{value};" for name, value in palette(text, scheme).items())

    return (
        f":root{{{block(LIGHT)}}}\n@media (prefers-color-scheme:dark){{:root{{{block(DARK)}}}}}\n"
    )
