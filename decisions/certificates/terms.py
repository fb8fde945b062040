"""How long a certificate lives, how long a review may wait, and what is looked at twice.

Statements and pages take their numbers from here; a test holds docs/certificates.md to it.
"""

from datetime import timedelta

LIFE = timedelta(days=90)  # of a certificate; as far back its reviews reach
LATE_AFTER = timedelta(days=14)  # an open review counts as wrong from then on
SECOND_SHARE = 0.10  # of the rows where reviewer and machine agree, a second person sees so many
REVIEWED_FIRST = 100  # automatic answers of a new intent that are all reviewed
