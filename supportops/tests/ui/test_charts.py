"""Charts drawn on the server."""

from django.template.loader import render_to_string

from supportops.ui.charts import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Chart,
    Series,
    columns,
    log_lines,
    square,
)


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
    assert (drawn.x_axis.place(0), drawn.x_axis.place(1)) == (LEFT, WIDTH - RIGHT)
    assert (drawn.y_axis.place(0), drawn.y_axis.place(0.1)) == (HEIGHT - BOTTOM, TOP)


def test_nothing_is_drawn_beyond_the_frame():
    assert chart().y_axis.place(5) == TOP
    assert chart().x_axis.place(7) == WIDTH - RIGHT


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


def test_equal_factors_are_equally_far_on_logarithmic_axes():
    drawn = log_lines([0.01, 0.1], [[0.5, 10.0], [100.0, 1000.0]])
    assert drawn.lines == ("58.0,220.0 624.0,168.5", "58.0,117.0 624.0,65.5")
    assert [tick.words for tick in drawn.across] == ["1.0%", "10%"]
    assert [tick.words for tick in drawn.up] == ["1", "10", "100", "1k", "10k"]


def test_columns_stand_on_each_other():
    drawn = columns([("Mon", 3, 4), ("Tue", 0, 0)])
    lower, upper = drawn.lower[0], drawn.upper[0]
    assert (lower.y + lower.height, upper.y + upper.height) == (194.0, lower.y)
    assert upper.y == 10.0  # four is the most that is drawn
    assert (lower.title, drawn.upper[1].height) == ("Mon: 3 of 4", 0.0)


def test_a_dot_of_a_perfect_model_lies_on_the_diagonal():
    (dot,) = square([(0.5, 5, 10)]).points
    assert (dot.x, dot.y) == (133.0, 107.0)
