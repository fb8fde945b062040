"""Filling in reply templates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.rules.replies import VARIABLES, TemplateIncomplete, is_complete, render, variables_in

VALUES = {"first_name": "Ann", "reference": "T-7K3M-Q9XD", "business_name": "Example Store"}


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hello {{ first_name }},", "Hello Ann,"),
        ("Hello {{first_name}},", "Hello Ann,"),
        ("{{ reference }} {{ reference }}", "T-7K3M-Q9XD T-7K3M-Q9XD"),
        ("{{ first_name }}{{ business_name }}", "AnnExample Store"),
        ("nothing to fill", "nothing to fill"),
        ("{{{ first_name }}}", "{Ann}"),
        ("{ first_name } stays", "{ first_name } stays"),
        ("50 % off, %s, ${name}", "50 % off, %s, ${name}"),
    ],
)
def test_variables_are_filled_in_and_nothing_else_is_touched(template, filled):
    assert render(template, VALUES) == filled


@pytest.mark.parametrize(
    "template",
    [
        "Hello {{ last_name }}",
        "Hello {{ }}",
        "Hello {{}}",
        "Hello {{ first name }}",
        "Hello {{ first_name.__class__ }}",
        "Hello {{ 7*7 }}",
        "Hello {{ first_name",
        "Hello first_name }}",
        "Hello {{ first_name }} {{",
        "",
        " \n ",
        "{{ nickname }}",
    ],
)
def test_what_cannot_be_filled_in_completely_is_refused(template):
    with pytest.raises(TemplateIncomplete):
        render(template, VALUES)


@pytest.mark.parametrize("values", [{}, {"first_name": ""}, {"reference": "T-1"}])
def test_a_variable_without_a_value_is_refused(values):
    with pytest.raises(TemplateIncomplete, match="first_name"):
        render("Hello {{ first_name }}", values)


def test_a_template_of_blank_values_is_empty():
    with pytest.raises(TemplateIncomplete, match="empty"):
        render("{{ first_name }}", {"first_name": "  "})


@given(st.text(min_size=1).filter(str.strip))
def test_a_value_is_put_in_as_it_stands_and_never_read_as_a_template(name):
    assert render("<{{ first_name }}>", {"first_name": name}) == f"<{name}>"


def test_a_value_that_looks_like_a_variable_stays_text():
    values = {**VALUES, "first_name": "{{ reference }}"}
    assert render("Hello {{ first_name }}", values) == "Hello {{ reference }}"


@given(st.dictionaries(st.sampled_from(list(VARIABLES)), st.just("x")), st.text(max_size=40))
def test_any_template_is_either_filled_or_refused(values, template):
    try:
        filled = render(template, values)
    except TemplateIncomplete:
        return
    assert filled.strip()
    assert filled == template or variables_in(template)


def test_the_variables_of_a_template_are_named_as_they_are_written():
    assert variables_in("{{ first_name }} {{reference}} {{ first name }} {{ }}") == {
        "first_name",
        "reference",
        "first name",
        "",
    }
    assert variables_in("none") == set()


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("All is said.", True),
        ("We changed [what was changed].", False),
        ("[]", False),
        ("We [" + "x" * 500 + "] did.", False),
        ("We [changed\nit].", False),
        ("an open [ bracket", True),
        ("a lone ] bracket", True),
    ],
)
def test_a_gap_for_an_agent_makes_a_text_incomplete(text, complete):
    assert is_complete(text) is complete
