from dispatcher.policy.pool import Pool


def test_a_full_pool_has_no_room_until_one_finishes():
    pool = Pool(2, 10)
    first, _ = pool.start(0.0), pool.start(0.0)
    assert not pool.has_room(0.5)
    pool.finish(first)
    assert pool.has_room(0.5)


def test_a_request_older_than_a_second_leaves_the_count_of_the_young():
    pool = Pool(1, 10)
    pool.start(0.0)
    assert pool.room_at() == 1.0
    assert not pool.has_room(0.999)
    assert pool.has_room(1.0)
    assert (pool.young, pool.old) == (0, 1)


def test_when_the_old_are_too_many_the_young_stay_young():
    pool = Pool(1, 1)
    pool.start(0.0)
    assert pool.has_room(1.0)
    pool.start(1.0)
    assert not pool.has_room(5.0)
    assert pool.room_at() is None
    assert (pool.young, pool.old) == (1, 1)


def test_an_old_one_that_finishes_makes_room_among_the_old():
    pool = Pool(1, 1)
    old = pool.start(0.0)
    assert pool.has_room(1.0)
    pool.start(1.0)
    pool.finish(old)
    assert pool.has_room(2.0)
    assert (pool.young, pool.old) == (0, 1)


def test_the_finished_are_not_waited_for():
    pool = Pool(2, 10)
    done, _ = pool.start(0.0), pool.start(0.5)
    pool.finish(done)
    assert pool.room_at() == 1.5


def test_counts_never_drift():
    pool = Pool(3, 3)
    slots = [pool.start(now / 10) for now in range(3)]
    assert pool.has_room(1.15)
    for slot in reversed(slots):
        pool.finish(slot)
    assert (pool.young, pool.old) == (0, 0)
