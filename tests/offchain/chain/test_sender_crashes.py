"""A process that dies between any two steps sends every intent exactly once after it is started again.

Nor does it forget what a user agreed to pay, or that an intent was taken back.
"""

from functools import partial

import pytest

from offchain.chain.outcomes import Cancelled, CapReached
from offchain.chain.sender import SendPolicy, TransactionSender
from tests.doubles.killing import Doomed, Fuse, Killed
from tests.doubles.rpc import FakeChain
from tests.doubles.sending import GWEI, PAYER, World, most, transfer

INTENTS = range(1, 4)
POLICY = SendPolicy(raise_after=20, repeat_after=15, poll=25, keep_blocks=2)
GAS = 21000 * 125 // 100
JOURNAL = {"record", "settle", "unsettle", "agree", "share", "release", "prune"}


def doomed(world, fuse):
    sender = world.restarted()
    client = Doomed(sender._client, {"send_raw", "nonce"}, fuse)
    journal = Doomed(sender._journal, JOURNAL, fuse)
    return TransactionSender(client, PAYER, journal, POLICY, world.clock)


def lives(tmp_path, script, make_chain):
    """A world for each boundary at which `script`, given world and sender, is killed, and the number of the boundary;
    in the last one it came to its end."""
    boundary, finished = 0, False
    while not finished:
        directory = tmp_path / str(boundary)
        directory.mkdir()
        world = World(directory, make_chain(), POLICY)
        try:
            script(world, doomed(world, Fuse(boundary)))
            finished = True
        except Killed:
            pass
        yield world, boundary
        world.database.close()
        boundary += 1


def send_all(_world, sender):
    for value in INTENTS:
        sender.submit(f"intent {value}", transfer(value))
    for value in INTENTS:
        sender.send(f"intent {value}", transfer(value))


@pytest.mark.parametrize("floor", [0, 32 * GWEI // 10], ids=["cheap chain", "chain that makes offers rise"])
def test_send__killed_at_every_boundary__mines_each_intent_once(tmp_path, floor):
    for world, boundary in lives(tmp_path, send_all, lambda: FakeChain(floor=floor)):
        send_all(world, world.restarted())
        assert sorted(world.mined()) == [(value - 1, value) for value in INTENTS], f"boundary {boundary}"
        assert world.journal.unsettled() == []
    assert boundary > 15


@pytest.mark.parametrize("pace", [1, 2, 3, 5])
def test_send__killed_again_and_again__mines_each_intent_once(tmp_path, pace):
    world = World(tmp_path, FakeChain(floor=32 * GWEI // 10), POLICY)
    for lives in range(10_000):
        try:
            send_all(world, doomed(world, Fuse(4 + lives // pace)))
            break
        except Killed:
            world.tick(10)
            world.chain.mine()
    assert lives > 5
    assert sorted(world.mined()) == [(value - 1, value) for value in INTENTS]


class User:
    """Agrees to whatever is asked, and remembers it beyond every crash."""

    def __init__(self, lost):
        self.lost = lost
        """Whether somebody else's transaction has the first nonce until ours are signed, and is lost then."""
        self.agreed = {f"intent {value}": GAS * 3 * GWEI for value in INTENTS}

    def send_all(self, world, sender):
        if self.lost and not world.chain.broadcast:
            world.outsider_sends(0)
        for value in INTENTS:
            self._until_taken(world, f"intent {value}", transfer(value), sender.submit)
        if self.lost:
            world.chain.pool.pop((PAYER.address, 0), None)
            self.lost = False
        world.chain.base_fee = 2 * GWEI
        for value in INTENTS:
            self._until_taken(world, f"intent {value}", transfer(value), partial(sender.send, timeout=75))

    def _until_taken(self, world, key, call, attempt):
        cap = None if world.journal.of_key(key) else self.agreed[key]
        while True:
            try:
                return attempt(key, call, cap=cap)
            except CapReached as reached:
                assert reached.key == key
                assert reached.cap <= self.agreed[key]
                cap = self.agreed[key] = max(self.agreed[key], reached.needed)


@pytest.mark.parametrize("lost", [False, True], ids=["no gap", "gap to fill"])
def test_send__killed_at_every_boundary__never_costs_more_than_was_agreed(tmp_path, lost):
    users = {}

    def script(world, sender):
        users.setdefault(world, User(lost)).send_all(world, sender)

    for world, boundary in lives(tmp_path, script, lambda: FakeChain(floor=32 * GWEI // 10)):
        script(world, world.restarted())
        user, offers = users[world], [offer for offer in world.offers() if offer.value != 999]
        served = [(nonce, value) for nonce, value in world.mined() if value in INTENTS]
        assert served == [(value - 1 + lost, value) for value in INTENTS], f"boundary {boundary}"
        assert [nonce for nonce, value in world.mined()] == list(range(3 + lost))
        assert most(offers) <= sum(user.agreed.values()), f"boundary {boundary}"
        for value in INTENTS:
            assert most([offer for offer in offers if offer.value == value]) <= user.agreed[f"intent {value}"]
    assert boundary > 25
    assert max(user.agreed.values()) > GAS * 3 * GWEI


def cancel_second(_world, sender):
    """The outcome of the second of three intents that is taken back: whether it was mined all the same."""
    for value in INTENTS:
        sender.submit(f"intent {value}", transfer(value))
    sender.cancel("intent 2")
    return outcome(sender)


def outcome(sender):
    try:
        sender.wait("intent 2")
        return True
    except Cancelled:
        return False
    finally:
        for value in (1, 3):
            sender.send(f"intent {value}", transfer(value))


@pytest.mark.parametrize("repeats", [True, False], ids=["cancels again", "does not"])
@pytest.mark.parametrize("mines", [False, True], ids=["nothing mined meanwhile", "mined meanwhile"])
def test_cancel__killed_at_every_boundary__is_cancelled_or_mined_once(tmp_path, repeats, mines):
    outcomes = set()
    for world, boundary in lives(tmp_path, cancel_second, lambda: FakeChain(floor=32 * GWEI // 10)):
        if mines:
            world.chain.floor = 0
            world.chain.mine()
        sender, entries = world.restarted(), world.journal.of_key("intent 2")
        decided = bool(entries) and entries[-1].cancels
        if decided and not repeats:
            sender.resume()
            sender.submit("intent 3", transfer(3))
            was_mined = outcome(sender)
        else:
            was_mined = cancel_second(world, sender)
        assert was_mined or decided or repeats or not entries or world.mined()
        second = 2 if was_mined else 0
        assert sorted(world.mined()) == [(0, 1), (1, second), (2, 3)], f"boundary {boundary}"
        assert world.journal.unsettled() == []
        assert decided or len(world.journal.of_key("intent 2")) > 0
        outcomes.add(was_mined)
    assert boundary > 20
    assert outcomes == ({False, True} if mines else {False})
