"""Charts drawn on the server."""

from django.template.loader import render_to_string

from supportops.ui.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Series


def chart(**changed) -> Chart:
    line = Series("wrong", [(0.0, 0.0), (0.5, 0.05), (1.0, 0.1)])
    given = {
        "title": "Risk",
        "x_label": "share",
        "y_label": "wrong",
        "series": [line],
        "most_y": 0.1,
        "headings": ("Share", "Wrong"),
        "rows": [("50%", "5.0%")],
    }
    return Chart(**given | changed)


def test_corners_of_the_units_are_corners_of_the_drawing():
    drawn = chart()
    assert (drawn.x(0), drawn.x(1)) == (LEFT, WIDTH - RIGHT)
    assert (drawn.y(0), drawn.y(0.1)) == (HEIGHT - BOTTOM, TOP)


def test_nothing_is_drawn_beyond_the_frame():
    assert chart().y(5) == TOP
    assert chart().x(7) == WIDTH - RIGHT


def test_a_line_is_a_path_and_dots_are_circles_of_their_size():
    dots = Series("bins", [(0.2, 0.02), (0.8, 0.08)], look="dots", sizes=[2.0, 9.0])
    line, circles = chart(series=[*chart().series, dots]).drawn
    assert line.path.startswith(f"M{LEFT}.0 {HEIGHT - BOTTOM}.0 L")
    assert line.dots == ()
    assert [dot.radius for dot in circles.dots] == [2.0, 9.0]
    assert circles.path == ""


def test_small_shares_keep_a_decimal():
    assert [tick.words for tick in chart().y_ticks][:3] == ["0%", "2.0%", "4.0%"]


def test_the_numbers_stand_in_a_table_behind_it_and_keep_their_point_in_every_language(settings):
    settings.LANGUAGE_CODE = "de"
    page = render_to_string("console/chart.html", {"chart": chart()})
    assert "<td>5.0%</td>" in page
    assert 'd="M74.0 256.0 L306.0 135.0 L' in page
    assert 'y1="256.0"' in page
