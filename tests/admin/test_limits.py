"""How often: counted within bounds, whoever comes."""

from dispatcher.admin.limits import BURST, FAILURES_S, PEERS, REFUSED, REQUESTS_S, TOKENS, Failures, Rates


def test_a_peer_may_fail_so_often_within_a_minute():
    failures = Failures()
    noted = [failures.note("a", at / 10) for at in range(REFUSED + 3)]
    assert noted == [*range(1, REFUSED + 2), REFUSED + 1, REFUSED + 1]
    assert failures.note("b", 5.0) == 1
    assert failures.note("a", FAILURES_S + REFUSED + 3) == 1


def test_of_peers_only_so_many_are_remembered():
    failures = Failures()
    for number in range(2 * PEERS):
        failures.note(str(number), 0.0)
        failures.note("often", 0.0)
    assert len(failures._peers) == PEERS
    assert failures.note("often", 0.0) == REFUSED + 1


def test_a_token_has_a_burst_and_then_its_rate():
    rates = Rates()
    assert [rates.take(1, 0.0) for _ in range(int(BURST))] == [0.0] * int(BURST)
    assert rates.take(1, 0.0) == 1 / REQUESTS_S
    assert rates.take(2, 0.0) == 0.0
    assert [rates.take(1, 1.0) > 0 for _ in range(int(REQUESTS_S) + 1)] == [*[False] * int(REQUESTS_S), True]


def test_of_tokens_only_so_many_are_remembered():
    rates = Rates()
    for number in range(2 * TOKENS):
        rates.take(number, 0.0)
    assert len(rates._buckets) == TOKENS
