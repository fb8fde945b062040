"""Statements on tables of decisions that are asked with every decision, while all others wait.

What each gains over the QuerySet that asks the same stands in `docs/benchmarks.md`.
"""

LATEST_PUBLICATION = "SELECT id, policy_id FROM decisions_publication ORDER BY id DESC LIMIT 1"

# A certificate never covers an intent that reviews have shown to be too often wrong.
IN_FORCE = """
SELECT c.* FROM decisions_certificate c
 WHERE c.classifier_version = %s AND c.issued_at <= %s AND c.expires_at > %s
   AND NOT EXISTS (SELECT 1 FROM decisions_quarantine q
                    WHERE q.classifier_version = c.classifier_version
                      AND q.intent = %s AND q.lifted_at IS NULL)
 ORDER BY c.id DESC LIMIT 20
"""
STOPPED = """
SELECT EXISTS (SELECT 1 FROM decisions_switch WHERE "on"),
       EXISTS (SELECT 1 FROM decisions_breaker WHERE open AND intent IN (%s, %s))
"""
NEWEST_VERSION = """
SELECT * FROM decisions_replytemplate WHERE slug = %s ORDER BY version DESC LIMIT 1
"""

# Of automatic answers alone.
TAKE_ONE = """
UPDATE decisions_quota SET used = used + 1 WHERE intent = %s AND hour = %s AND used < %s
"""
ANSWERED = """
SELECT 1 FROM decisions_decision WHERE outcome = %s AND intent = %s LIMIT 1 OFFSET %s
"""
