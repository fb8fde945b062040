"""Old tickets come in once, on record, and nobody hears of it."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from decisions.models import Decision, Review
from tickets.codes import Channel, Outcome, TicketStatus
from tickets.data import import_tickets
from tickets.history import verify
from tickets.models import AuditRecord, Message, Outbox, Requester, Ticket, TicketEvent

HEADING = "id,email,name,subject,body,created_at,status,label"
GOOD = [
    "1,ada@example.com,Ada,Parcel,Where is my order?,2026-01-02T03:04:05Z,closed,order_status",
    '2,ben@example.com,Ben,,"Where is it,\nplease?",2026-02-01,open,refund_request',
    "3,Ada@Example.com,Ada,,Still waiting,,,",
]


@pytest.fixture
def automating(automating):
    """What would be answered, if it were not an import."""
    return automating


def file_of(folder, lines, name="helpdesk.csv"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(path, *arguments):
    out = StringIO()
    call_command("import_tickets", str(path), *arguments, stdout=out)
    return out.getvalue()


def rows():
    return [
        model.objects.count() for model in (Ticket, Message, Decision, TicketEvent, AuditRecord)
    ]


def test_each_line_becomes_a_decided_ticket_as_it_stood(automating, tmp_path):
    said = run(file_of(tmp_path, [HEADING, *GOOD]))
    first, second, third = Ticket.objects.order_by("id")
    assert [t.status for t in (first, second, third)] == ["closed", "open", "closed"]
    assert first.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert first.requester == third.requester
    assert second.messages.get().body == "Where is it,\nplease?"
    assert (first.messages.get().subject, first.channel) == ("Parcel", Channel.IMPORT)
    assert first.metadata == {"imported_intent": "order_status"}
    assert {t.outcome for t in Ticket.objects.all()} == {Outcome.ESCALATE}
    assert "3 lines: 3 imported, 0 there already, 0 rejected." in said


def test_the_record_is_true_and_whole(automating, tmp_path):
    run(file_of(tmp_path, [HEADING, *GOOD]))
    for decision in Decision.objects.select_related("ticket"):
        assert decision.reasons == ["guard:imported"]
        assert decision.facts["channel"] == "import"
        assert decision.ticket.predictions.get().pk == decision.prediction_id
    kinds = list(TicketEvent.objects.values_list("ticket__external_id", "kind"))
    assert kinds.count(("1", "ticket.closed")) == 1
    assert kinds.count(("2", "decision.escalated")) == 1
    assert AuditRecord.objects.filter(kind="decision").count() == 3
    assert verify.verify().is_sound


def test_nobody_gets_mail_and_nobody_has_to_review(automating, tmp_path, settings):
    settings.REVIEW_RATE = settings.REVIEW_RATE_LIKELY = 1.0
    run(file_of(tmp_path, [HEADING, *GOOD]))
    assert not Outbox.objects.exists()
    assert not Review.objects.exists()


def test_a_second_time_changes_nothing_and_a_longer_file_adds_the_rest(automating, tmp_path):
    path = file_of(tmp_path, [HEADING, *GOOD[:2]])
    run(path)
    before = rows()
    assert "0 imported, 2 there already" in run(path)
    assert rows() == before
    file_of(tmp_path, [HEADING, *GOOD])
    assert "1 imported, 2 there already" in run(path)


def test_what_a_stop_left_out_comes_with_the_next_run(automating, tmp_path, monkeypatch):
    monkeypatch.setattr(import_tickets, "BATCH", 1)
    written = import_tickets._write

    def stop_at_second(pairs, source, now):
        if pairs[0][0].external_id == "2":
            raise KeyboardInterrupt
        written(pairs, source, now)

    path = file_of(tmp_path, [HEADING, *GOOD])
    with monkeypatch.context() as patch:
        patch.setattr(import_tickets, "_write", stop_at_second)
        with pytest.raises(CommandError, match="goes on from here"):
            run(path)
    assert Ticket.objects.count() == 1
    assert "2 imported, 1 there already" in run(path)


def test_lines_without_an_id_are_known_by_what_they_say(automating, tmp_path):
    path = file_of(tmp_path, ["email,body", "a@example.com,Hello?", "a@example.com,Hello again?"])
    assert "2 imported" in run(path)
    assert "0 imported, 2 there already" in run(path)


def test_ids_of_another_source_are_others(automating, tmp_path):
    path = file_of(tmp_path, [HEADING, GOOD[0]])
    run(path, "--source", "old")
    assert "1 imported" in run(path, "--source", "older")


BAD = [
    ("4,nobody,N,,Hello,,,", "the e-mail address is none"),
    ("4,,N,,Hello,,,", "there is no e-mail address"),
    ("4,a@example.com,N,, \u200b ,,,", "the message is empty"),
    (f"4,a@example.com,N,,{'x' * 20_001},,,", "the message has 20001 characters"),
    ("4,a@example.com,N,,Hello,yesterday,,", "created_at is no ISO 8601"),
    ("4,a@example.com,N,,Hello,2026-02-30,,", "created_at is no moment"),
    ("4,a@example.com,N,,Hello,2999-01-01,,", "created_at is out of range"),
    ("4,a@example.com,N,,Hello,,escalated,", "the status is none of"),
    ("4,a@example.com,N,,Hel\0lo,,,", "holds a NUL"),
    ("4,a@example.com", "it has 2 values where the heading has 8"),
    ("4,a@example.com,N,,Hello,,,,,more", "it has 10 values where the heading has 8"),
    ("1,ada@example.com,Ada,Parcel,Something else,,,", "1 came before with other words"),
]


@pytest.mark.parametrize(("line", "problem"), BAD, ids=[problem for _, problem in BAD])
def test_a_bad_line_is_kept_with_number_and_reason_and_stops_no_other(
    automating, tmp_path, line, problem
):
    path = file_of(tmp_path, [HEADING, GOOD[0], line, GOOD[2]])
    said = run(path)
    assert "2 imported, 0 there already, 1 rejected" in said
    assert f"line 3: {problem}" in said.replace("message holds", "holds").replace("  ", " ")
    kept = (tmp_path / "helpdesk.rejects.csv").read_text(encoding="utf-8")
    assert line.split(",")[1] in kept
    assert problem in kept
    assert (tmp_path / "helpdesk.rejects.csv").stat().st_mode & 0o077 == 0


def test_rejected_lines_can_be_mended_and_imported_from_their_file(automating, tmp_path):
    path = file_of(tmp_path, [HEADING, GOOD[0], "4,nobody,N,,Hello,,,"])
    run(path)
    rejects = tmp_path / "helpdesk.rejects.csv"
    rejects.write_text(rejects.read_text().replace("nobody", "cleo@example.com"))
    assert "1 imported" in run(rejects)
    assert (
        Ticket.objects.get(external_id="4").api_key == Ticket.objects.get(external_id="1").api_key
    )


def test_bytes_that_are_no_utf_8_are_rejected_and_kept_as_they_are(automating, tmp_path):
    path = tmp_path / "old.csv"
    path.write_bytes(b"email,body\na@example.com,caf\xe9\nb@example.com,hello\n")
    assert "1 imported, 0 there already, 1 rejected" in run(path)
    assert b"caf\xe9" in (tmp_path / "old.rejects.csv").read_bytes()


def test_json_lines_are_read_too(automating, tmp_path):
    lines = [
        json.dumps({"id": 7, "from": "a@example.com", "text": "Where is it?", "extra": [1]}),
        '{"id": 8, "from": "a@example.com", "text": ',
        "[1]",
        json.dumps({"id": 9, "from": "a@example.com", "text": "\ud800"}),
        json.dumps({"id": 10, "from": "a@example.com", "text": True}),
    ]
    said = run(file_of(tmp_path, lines, "old.jsonl"))
    assert "5 lines: 1 imported, 0 there already, 4 rejected" in said
    kept = [json.loads(line) for line in (tmp_path / "old.rejects.jsonl").open()]
    assert [row["line"] for row in kept] == [2, 3, 4, 5]
    assert Ticket.objects.get().external_id == "7"


def test_columns_are_found_by_usual_names_or_as_said(automating, tmp_path):
    path = file_of(tmp_path, ["Requester Email,Frage", "a@example.com,Wo ist es?"])
    with pytest.raises(CommandError, match="Which is the message"):
        run(path)
    assert "1 imported" in run(path, "--map", "message=Frage")
    assert Requester.objects.get().email == "a@example.com"


@pytest.mark.parametrize(
    ("lines", "arguments", "problem"),
    [
        ([""], [], "empty"),
        (["body,body"], [], "same name"),
        (["body"], ["--map", "colour=body"], "There is no colour"),
        (["body"], ["--map", "message=words"], "The file has no words"),
        (["body"], ["--map", "message"], "--map is written as"),
        (["body"], ["--rejects", "{path}"], "another file"),
    ],
)
def test_a_file_that_cannot_be_understood_changes_nothing(db, tmp_path, lines, arguments, problem):
    path = file_of(tmp_path, lines)
    with pytest.raises(CommandError, match=problem):
        run(path, *(argument.format(path=path) for argument in arguments))
    assert not Ticket.objects.exists()


def test_a_dry_run_writes_nothing(automating, tmp_path):
    before = rows()
    said = run(file_of(tmp_path, [HEADING, *GOOD, "4,nobody,N,,Hello,,,"]), "--dry-run")
    assert "3 would be imported, 0 there already, 1 rejected" in said
    assert rows() == before
    assert [path.name for path in tmp_path.iterdir()] == ["helpdesk.csv"]


def test_one_line_that_cannot_be_stored_keeps_no_other_out(automating, tmp_path, monkeypatch):
    event = import_tickets._events

    def fail(pairs, tickets, source, now):
        if any(old.external_id == "2" for old, _ in pairs):
            raise RuntimeError("no")
        return event(pairs, tickets, source, now)

    monkeypatch.setattr(import_tickets, "_events", fail)
    said = run(file_of(tmp_path, [HEADING, *GOOD]))
    assert "2 imported, 0 there already, 1 rejected" in said
    assert "line 3: it could not be stored: RuntimeError" in said
    assert not Message.objects.filter(body__contains="please").exists()
    assert verify.verify().is_sound


def test_the_end_says_what_would_have_been_automated_and_how_wrong(automating, tmp_path):
    said = run(file_of(tmp_path, [HEADING, *GOOD]))
    assert "3 of 3 would have been answered by machine: 100.0%." in said
    assert "Measured: 1 of 2 with a label of yours" in said
    assert "Certified (demo): at most" in said
    again = StringIO()
    call_command("import_tickets", "--summary", "--source", "helpdesk", stdout=again)
    assert again.getvalue() in said


def test_an_imported_ticket_that_is_open_can_be_worked_on(automating, by_agent, tmp_path):
    from tickets.desk import agent_actions

    run(file_of(tmp_path, [HEADING, GOOD[1]]))
    ticket = Ticket.objects.get()
    agent_actions.agent_reply(ticket.pk, "Here it is.", actor=by_agent, now=ticket.updated_at)
    assert Ticket.objects.get().status == TicketStatus.WAITING
    assert Outbox.objects.count() == 1


def test_each_line_of_json_names_its_own_values(automating, tmp_path):
    lines = [
        json.dumps({"email": "a@example.com", "message": "Where is my order?"}),
        json.dumps(
            {
                "email": "b@example.com",
                "subject": "Parcel",
                "message": "Still waiting",
                "status": "open",
                "created_at": "2026-01-02T03:04:05Z",
            }
        ),
    ]
    run(file_of(tmp_path, lines, "old.jsonl"))
    second = Ticket.objects.order_by("id").last()
    assert (second.status, second.messages.get().subject) == ("open", "Parcel")
    assert second.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_was_rejected_can_be_mended_and_imported(automating, tmp_path):
    """Whatever was wrong with the first bad line, the heading is that of the file."""
    run(file_of(tmp_path, [HEADING, "9,short", "8,c@example.com,Cy,,,,,"]))
    first = tmp_path / "helpdesk.rejects.csv"
    assert first.read_text().splitlines()[0] == f"{HEADING},line,problem"
    run(first)
    again = tmp_path / "helpdesk.rejects.rejects.csv"
    lines = again.read_text().splitlines()
    assert lines[0] == f"{HEADING},line,problem"
    mended = file_of(tmp_path, [lines[0], "8,c@example.com,Cy,,Where is it?,,,,3,"], "mended.csv")
    assert "1 imported" in run(mended)
