"""The codes that rows, rules, API and console share. Pure: no Django.

A code is stored as it stands here and never renamed; words for people are rendered elsewhere.
"""

from enum import StrEnum


class TicketStatus(StrEnum):
    """Whose turn it is on a ticket."""

    RECEIVED = "received"  # stored, not decided yet
    OPEN = "open"  # a person's turn
    WAITING = "waiting"  # the customer's turn
    ANSWERED = "answered"  # automatic reply sent, not confirmed
    RESOLVED = "resolved"
    CLOSED = "closed"
    SPAM = "spam"
    MERGED = "merged"


ENDED = frozenset(
    {TicketStatus.RESOLVED, TicketStatus.CLOSED, TicketStatus.SPAM, TicketStatus.MERGED}
)


class Channel(StrEnum):
    FORM = "form"
    API = "api"
    MAIL = "mail"
    IMPORT = "import"


class Priority(StrEnum):
    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"


PRIORITY_RANK = {
    Priority.LOW: 0,
    Priority.NORMAL: 1,
    Priority.HIGH: 2,
    Priority.URGENT: 3,
}


class Author(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    MACHINE = "machine"


class ActorKind(StrEnum):
    """Who did what an event or audit record tells."""

    CUSTOMER = "customer"
    PERSON = "person"
    INTEGRATION = "integration"
    RULE = "rule"
    MACHINE = "machine"


class NoIntent(StrEnum):
    """Why a classifier names no intent."""

    OUT_OF_SCOPE = "out_of_scope"
    AMBIGUOUS = "ambiguous"
    UNREADABLE = "unreadable"


class RiskClass(StrEnum):
    """How far automation may ever go, whatever the confidence."""

    OPEN = "open"
    ASSIST = "assist"
    RESTRICTED = "restricted"


class Level(StrEnum):
    """How far a policy lets automation go for one intent."""

    OFF = "off"
    SUGGEST = "suggest"
    SHADOW = "shadow"
    AUTO = "auto"


class Outcome(StrEnum):
    AUTO_RESOLVE = "auto_resolve"
    ESCALATE = "escalate"


class Reason(StrEnum):
    """Why a decision came out as it did; `guard:`, `rule:` and `no_intent:` carry a name behind."""

    PERMITTED = "permitted"
    BELOW_THRESHOLD = "below_threshold"
    TOO_CLOSE = "too_close"
    NOT_CERTIFIED = "not_certified"
    LEVEL_OFF = "level_off"
    LEVEL_SUGGEST = "level_suggest"
    LEVEL_SHADOW = "level_shadow"
    CAP_REACHED = "cap_reached"
    PROCESSING_FAILED = "processing_failed"


class EventKind(StrEnum):
    """What happened to a ticket. One row of its timeline each."""

    RECEIVED = "ticket.received"
    AUTO_RESOLVED = "decision.auto_resolved"
    ESCALATED = "decision.escalated"
    CUSTOMER_REPLIED = "message.customer"
    AGENT_REPLIED = "message.agent"
    NOTE_ADDED = "message.note"
    AUTO_REPLIED = "message.machine"
    ASSIGNED = "ticket.assigned"
    QUEUE_CHANGED = "ticket.queue_changed"
    PRIORITY_CHANGED = "ticket.priority_changed"
    INTENT_CORRECTED = "ticket.intent_corrected"
    TICKET_ESCALATED = "ticket.escalated"
    RESOLVED = "ticket.resolved"
    CLOSED = "ticket.closed"
    REOPENED = "ticket.reopened"
    SPAM_MARKED = "ticket.spam_marked"
    MERGED = "ticket.merged"
    RECLASSIFIED = "ticket.reclassified"
    HELPED = "feedback.helped"
    NOT_HELPED = "feedback.not_helped"
    RATED = "feedback.rated"
    REVIEW_SAMPLED = "review.sampled"
    BREACHED = "service_level.breached"
    WARNED = "service_level.warned"
    UNDONE = "ticket.undone"  # a change of many tickets was taken back


class TargetKind(StrEnum):
    """What a service level promises."""

    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"


class AuditKind(StrEnum):
    """What goes into the audit chain."""

    DECISION = "decision"
    OVERRIDE = "override"
    PUBLICATION = "publication"
    PROMOTION = "promotion"
    CERTIFICATE = "certificate"
    SWITCH = "switch"
    BREAKER = "breaker"
    ERASURE = "erasure"
    REVIEW = "review"
    ALERT = "alert"


class OverrideKind(StrEnum):
    """What a person put in place of the machine's word."""

    INTENT = "intent"
    OUTCOME = "outcome"
    REPLY = "reply"


class OutboxKind(StrEnum):
    """What the outbox delivers."""

    CONFIRMATION = "mail.confirmation"
    REPLY = "mail.reply"
    ALERT_MAIL = "mail.alert"
    WEBHOOK = "webhook"


class OutboxState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"  # gave up; shown to people
    SUPPRESSED = "suppressed"  # the address had enough automatic mail, or was erased


class Scope(StrEnum):
    """What an API key may do."""

    TICKETS_WRITE = "tickets:write"
    TICKETS_READ = "tickets:read"
    PREDICTIONS_READ = "predictions:read"
    DECISIONS_READ = "decisions:read"
    REVIEWS_WRITE = "reviews:write"
    METRICS_READ = "metrics:read"
    SWITCH_WRITE = "switch:write"


class Role(StrEnum):
    """Groups of the console."""

    AGENT = "Agent"
    LEAD = "Lead"
    AUDITOR = "Auditor"
    ADMINISTRATOR = "Administrator"


class Topic(StrEnum):
    """Sensitive topics: a message that touches one always goes to a person."""

    LEGAL_THREAT = "legal_threat"
    SAFETY = "safety"
    BEREAVEMENT = "bereavement"
    DISCRIMINATION = "discrimination"
    FRAUD = "fraud"
    MINORS = "minors"
    REGULATOR = "regulator"
    PRESS = "press"


class ReviewPart(StrEnum):
    """Whose answer a blind review is."""

    FIRST = "first"
    SECOND = "second"  # another person, where reviewer and machine differ, and for a tenth
    SETTLE = "settle"  # a lead, where the two differ


class ReviewVerdict(StrEnum):
    """What a blind reviewer says of a message."""

    INTENT = "intent"
    NONE = "none"  # none of the intents
    TWO = "two"  # two requests at once
    UNDECIDABLE = "undecidable"


class FindingSource(StrEnum):
    """Where evidence for a breaker comes from."""

    OVERRIDE = "override"
    REOPEN = "reopen"
    REVIEW = "review"


class CertificateKind(StrEnum):
    DEMO = "demo"
    PROVISIONAL = "provisional"
    LIVE = "live"


class CandidateKind(StrEnum):
    """What is tried in the shadow of the live policy and model."""

    POLICY = "policy"
    MODEL = "model"


class AlertKind(StrEnum):
    """What somebody is alerted to. Each has its page in docs/runbooks/."""

    SERVICE_LEVEL_WARNING = "service_level_warning"
    SERVICE_LEVEL_BREACHED = "service_level_breached"
    VOLUME_SPIKE = "volume_spike"
    ESCALATION_SPIKE = "escalation_spike"
    BREAKER_OPEN = "breaker_open"
    DRIFT = "drift"
    CLASSIFIER_FAILING = "classifier_failing"
    CLASSIFIER_ABSENT = "classifier_absent"
    TICKETS_UNDECIDED = "tickets_undecided"
    OUTBOX_STUCK = "outbox_stuck"
    AUDIT_FAILED = "audit_failed"
    DISK_LOW = "disk_low"
    BACKUP_OLD = "backup_old"


class AlertState(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"  # still true, and somebody looks after it
    RESOLVED = "resolved"


class Severity(StrEnum):
    """Whether it may wake somebody."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertStep(StrEnum):
    """What happened to an alert. One row of its history each."""

    FIRED = "fired"
    WORSENED = "worsened"
    EASED = "eased"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    UNSILENCED = "unsilenced"
    RESOLVED = "resolved"


class BulkKind(StrEnum):
    """What can be done to many tickets at once."""

    ASSIGN = "assign"
    QUEUE = "queue"
    PRIORITY = "priority"
    RESOLVE = "resolve"
    SPAM = "spam"
    INTENT = "intent"
