import pytest

from dispatcher.cli.promises.schedule import in_words
from dispatcher.policy.wording import about


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.25, "0.25 s"), (5, "5 s"), (105, "105 s"), (119, "119 s"), (120, "2 min"), (320, "5 min"),
        (5120, "85 min"), (7200, "2 h"),
        (20480, "5.7 h"), (36000, "10 h"), (48 * 3600, "2 days"), (66.6 * 3600, "2.8 days"), (432000, "5 days"),
    ],
)  # fmt: skip
def test_a_span_that_was_chosen_is_said_in_the_unit_people_would_choose(seconds, said):
    assert about(seconds) == said


@pytest.mark.parametrize(
    ("delays_s", "said"),
    [
        ([5], "5 s"), ([5, 20, 20], "5 s, 20 s, 20 s"), ([5, 36000, 36000, 36000], "5 s, then every 10 h"),
        ([60, 60, 60], "60 s each time"),
    ],
)  # fmt: skip
def test_equal_waits_in_a_row_are_said_once(delays_s, said):
    assert in_words(delays_s) == said
