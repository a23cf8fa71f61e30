"""What the schema refuses, as a problem: in its words, and with the field of the request that is to blame."""

from dispatcher.admin.problems import Blame, Problem
from dispatcher.errors import Refused

CALLED = {
    "pattern": "types",
    "type_is_in_catalogue": "types",
    "subscription": "types",
    "overlap": "overlap_s",
    "since_is_before_until": "since",
}
"""Where the field has another name than the column that the rule is called after."""
OF_HOW_THINGS_STAND = frozenset({"state_allows_it", "replay_is_finished"})
VERBS = ("_is_", "_are_", "_has_", "_fits_", "_of_", "_prefix_")


def problem_of(error: Refused) -> Problem:
    said = f"{error.message}; {error.hint}"
    if error.rule in OF_HOW_THINGS_STAND:
        return Problem("conflict", said)
    blame = Blame(field=field_of(error.rule), rule=error.rule, message=error.message, allowed=error.hint)
    return Problem("refused", said, errors=[blame])


def field_of(rule: str) -> str:
    """A rule is called after what it is about: timeout_s_is_2_to_30."""
    subject = min((rule.partition(verb)[0] for verb in VERBS), key=len)
    return CALLED.get(rule) or CALLED.get(subject) or subject
