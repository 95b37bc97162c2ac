"""What is in hand stays hidden: renewed when it is due, only then; what lapsed is known when it is met."""

import threading

from redrive_fakes import Clock, FakeQueue, fault, held, ids

from opskit.redrive.hand import WAITING_BYTES, WAITING_MESSAGES, Hand


def hand(queue: FakeQueue, clock: Clock) -> Hand:
    return Hand(queue, 60, clock)  # type: ignore[arg-type]


def test_only_what_is_held_for_half_its_time_is_renewed() -> None:
    queue, clock = FakeQueue(), Clock()
    ours = hand(queue, clock)
    ours.take([held(1)])
    clock.at_s += 20
    ours.take([held(2)])
    ours.renew()
    assert queue.log == []
    clock.at_s += 11
    ours.renew()
    assert queue.log == [("hide 60", ("handle-1",))]
    ours.renew()
    assert len(queue.log) == 1, "it was renewed just now"
    clock.at_s += 31
    ours.renew()
    assert queue.log[1:] == [("hide 60", ("handle-1", "handle-2"))]


def test_what_was_let_go_is_not_renewed() -> None:
    queue, clock = FakeQueue(), Clock()
    ours = hand(queue, clock)
    ours.take([held(1), held(2)])
    ours.let_go(ids(1, 7))
    clock.at_s += 40
    ours.renew()
    assert (queue.log, len(ours)) == ([("hide 60", ("handle-2",))], 1)


def test_a_request_that_fails_is_made_again_in_the_next_round() -> None:
    queue, clock = FakeQueue(fault=fault()), Clock()
    ours = hand(queue, clock)
    ours.take([held(1)])
    clock.at_s += 40
    ours.renew()
    queue.fault = None
    ours.renew()
    assert queue.log == [("hide 60", ("handle-1",))] * 2


def test_a_lapsed_handle_is_tried_until_its_letter_is_met_again_under_another() -> None:
    queue, clock = FakeQueue(refuses={"handle-1": "ReceiptHandleIsInvalid"}), Clock()
    ours = hand(queue, clock)
    assert ours.take([held(1)]) == [held(1)]
    clock.at_s += 40
    ours.renew()
    ours.renew()
    assert [call for call, _ in queue.log] == ["hide 60"] * 2
    again = type(held(1))(held(1).letter, "handle-1b")
    assert ours.take([again]) == [], "another thread has it in work"
    ours.renew()
    assert len(queue.log) == 2
    clock.at_s += 40
    ours.renew()
    assert queue.log[2:] == [("hide 60", ("handle-1b",))]


def test_letters_wait_in_the_order_they_came() -> None:
    ours = hand(FakeQueue(), Clock())
    ours.take([held(n) for n in (1, 2, 3)])
    ours.wait([held(n) for n in (1, 2, 3)])
    assert (ours.next(2), ours.waiting) == ([held(1), held(2)], 1)
    assert (ours.next(5), ours.next(5)) == ([held(3)], [])


def test_what_lapsed_while_it_waited_is_not_worked_on() -> None:
    """Somebody else may have it; if nobody has, it is received again."""
    clock = Clock()
    ours = hand(FakeQueue(), clock)
    ours.take([held(1), held(2)])
    ours.wait([held(1), held(2)])
    clock.at_s += 30
    again = type(held(2))(held(2).letter, "handle-2b")
    assert ours.take([again]) == []
    clock.at_s += 31
    assert (ours.next(5), ours.waiting, len(ours)) == ([held(2)], 0, 1)
    assert ours.take([held(1)]) == [held(1)]


def test_of_a_fifo_group_nothing_goes_past_one_that_another_thread_works_on() -> None:
    ours = hand(FakeQueue(fifo=True), Clock())
    ours.take([held(1, group="a")])
    assert ours.take([held(1, group="a"), held(2, group="a"), held(3, group="b")]) == [held(3, group="b")]
    ours.let_go(ids(1))
    assert ours.take([held(2, group="a")]) == [held(2, group="a")]


def test_no_more_waits_than_fits_into_memory() -> None:
    ours = hand(FakeQueue(), Clock())
    ours.wait([held(n) for n in range(WAITING_MESSAGES - 1)])
    assert not ours.full
    ours.wait([held(WAITING_MESSAGES)])
    assert ours.full
    large = hand(FakeQueue(), Clock())
    large.wait([held(1, body="x" * (WAITING_BYTES - 1))])
    assert not large.full
    large.wait([held(2, body="xx")])
    assert large.full
    large.next(1)
    assert not large.full


def test_threads_never_get_the_same_letter_twice() -> None:
    ours = hand(FakeQueue(), Clock())
    got: list[str] = []

    def take() -> None:
        for number in range(200):
            got.extend(one.handle for one in ours.take([held(number)]))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(f"handle-{number}" for number in range(200))
