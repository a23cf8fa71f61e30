from dispatcher.policy.ledger import Ledger


def test_what_settles_while_nobody_reads_is_forgotten_at_once():
    ledger = Ledger()
    ledger.settled([7])
    assert 7 not in ledger


def test_what_settles_during_a_read_is_remembered_until_that_read_has_ended():
    ledger = Ledger()
    read = ledger.begin()
    ledger.settled([7])
    assert 7 in ledger
    ledger.end(read)
    assert 7 not in ledger


def test_a_read_that_began_after_the_commit_keeps_nothing_alive():
    ledger = Ledger()
    before = ledger.begin()
    ledger.settled([7])
    after = ledger.begin()
    ledger.end(before)
    assert 7 not in ledger
    ledger.end(after)


def test_the_oldest_of_several_reads_decides():
    ledger = Ledger()
    slow, quick = ledger.begin(), ledger.begin()
    ledger.settled([1])
    ledger.end(quick)
    ledger.settled([2])
    assert 1 in ledger
    assert 2 in ledger
    ledger.end(slow)
    assert repr(ledger) == "<Ledger 0 remembered, 0 reads open>"
