from dispatcher.policy.batch import MOST_DELIVERIES, MOST_EVENTS, Batch


def test_narrow_events_come_in_full_batches():
    batch = Batch()
    batch.took(100, 100)
    assert batch.events == MOST_EVENTS


def test_a_wide_event_narrows_the_next_batch_at_once():
    batch = Batch()
    batch.took(1, 10_000)
    assert batch.events == 1


def test_it_widens_again_slowly():
    batch = Batch()
    batch.took(1, 200)
    narrow = batch.events
    batch.took(10, 10)
    assert narrow < batch.events < MOST_EVENTS


def test_events_times_matches_stay_bounded():
    batch = Batch()
    batch.took(100, 400)
    assert batch.events * 4 <= MOST_DELIVERIES


def test_failure_halves_down_to_the_culprit_and_success_doubles_again():
    batch = Batch()
    for _ in range(20):
        batch.failed()
    assert batch.is_single
    assert batch.events == 1
    batch.took(1, 1)
    assert batch.events == 2


def test_an_empty_take_teaches_nothing():
    batch = Batch()
    batch.failed()
    before = batch.events
    batch.took(0, 0)
    assert batch.events == before


def test_what_takes_too_long_is_not_tried_in_halves():
    batch = Batch()
    batch.failed(slow=True)
    assert batch.is_single
