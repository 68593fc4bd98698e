import pytest

from offchain.errors import Invalid, PeerUnavailable, RemoteRefused, Untrusted, WrongChain
from offchain.protocol.kv.state_tree import EMPTY
from offchain.storage.kv.client.evidence import NEVER, Behind
from offchain.storage.kv.client.panel import CALM_SECONDS, Panel
from offchain.storage.kv.client.server import CannotProve
from tests.doubles.flow_log import FLOW
from tests.doubles.kv_panel import CHECKED
from tests.doubles.streams import StreamFile, stream_id

STREAM = stream_id(1)
URLS = [f"http://kv-{number}" for number in range(3)]


def newest(panel, key=b"key"):
    return panel.newest(STREAM, lambda server: server.value(STREAM, key))


def at(panel, seq, key=b"key"):
    return panel.at(lambda server: server.value(STREAM, key, seq))


def forged_root(told):
    return told | {"root": "0x" + "66" * 32}


@pytest.fixture
def three(two):
    two.add()
    return two


def test_panel__without_servers__is_refused():
    with pytest.raises(Invalid, match="no key-value server"):
        Panel([])


@pytest.mark.parametrize("quorum", [0, 3])
def test_panel__quorum_that_cannot_be__is_refused(two, quorum):
    with pytest.raises(Invalid, match="cannot agree"):
        two.panel(quorum=quorum)


def test_newest__single_server__is_its_own_witness(one):
    seq = one.put(STREAM, b"key", b"value")
    moment, value, agreeing = newest(one.panel())
    assert (moment.seq, value.data, agreeing) == (seq, b"value", ("http://kv-0",))


def test_newest__two_servers__have_to_tell_the_same_root(two):
    two.put(STREAM, b"key", b"value")
    assert newest(two.panel())[2] == ("http://kv-0", "http://kv-1")


def test_newest__confirmed_moment__is_not_asked_for_again(two):
    two.put(STREAM, b"key", b"value")
    panel = two.panel()
    newest(panel)
    before = len(two.calls(1))
    newest(panel)
    newest(panel, b"other")
    assert len(two.calls(1)) == before


def test_newest__servers_that_contradict_each_other__are_not_believed(two):
    two.put(STREAM, b"key", b"honest", only=0)
    two.put(STREAM, b"key", b"forged", only=1)
    with pytest.raises(Untrusted, match="contradict each other about stream 0x0.*1 after 0: find out who is right"):
        newest(two.panel())
    assert sum(two.clock.slept) >= CALM_SECONDS


def test_newest__contradiction_while_a_reorganisation_passes__is_waited_out(two):
    two.put(STREAM, b"key", b"old fork", only=0)
    two.put(STREAM, b"key", b"new fork", only=1)

    def follows():
        two.parts[0].roll_back(0)
        two.put(STREAM, b"key", b"new fork", only=0)
        two.clock.on_sleep = lambda: None

    two.clock.on_sleep = follows
    assert newest(two.panel())[1].data == b"new fork"


def test_newest__contradiction_about_a_provisional_state__says_what_may_be_the_reason(two):
    two.put(STREAM, b"key", b"one", only=0)
    two.put(STREAM, b"key", b"two", only=1)
    two.lie(1, "kv_getStateRoot", lambda told: told | {"provisional": True})
    with pytest.raises(Untrusted, match="a file is missing"):
        newest(two.panel())


def test_newest__one_liar_of_three__is_overcome_and_named(three):
    three.put(STREAM, b"key", b"honest")
    three.parts[0].send(StreamFile(writes=[(stream_id(2), b"k", b"v")]))
    three.lie(0, "kv_getValueWithProof", forged_root)
    panel = three.panel()
    _, value, agreeing = newest(panel)
    assert (value.data, agreeing[0]) == (b"honest", "http://kv-1")
    assert any("does not lead" in problem for problem in panel.problems)


def test_newest__false_witness_of_three__is_overcome_and_named(three):
    three.put(STREAM, b"key", b"honest")
    three.lie(1, "kv_getStateRoot", forged_root)
    panel = three.panel()
    assert newest(panel)[2] == ("http://kv-0", "http://kv-2")
    assert any("kv-1" in problem for problem in panel.problems)


def test_newest__first_server_gone__asks_the_next_and_stays_there(three):
    three.put(STREAM, b"key", b"value")
    three.down(0)
    panel = three.panel()
    assert newest(panel)[2] == ("http://kv-1", "http://kv-2")
    asked = len(three.calls(0))
    newest(panel)
    assert len(three.calls(0)) == asked


def test_newest__witness_gone__is_an_error_for_two(two):
    two.put(STREAM, b"key", b"value")
    two.down(1)
    with pytest.raises(PeerUnavailable, match="does not answer"):
        newest(two.panel())


def test_newest__server_that_does_not_hold_the_stream__is_passed_over_and_named(kv):
    kv.add(held=frozenset([stream_id(2)]))
    kv.add()
    kv.add()
    kv.put(STREAM, b"key", b"value")
    panel = kv.panel()
    moment, value, agreeing = newest(panel)
    assert (value.data, agreeing) == (b"value", tuple(URLS[1:]))
    assert any("is not held by this server" in problem for problem in panel.problems)
    assert at(panel, moment.seq)[1].data == b"value"


def test_newest__witness_that_does_not_hold_the_stream__leaves_too_few(kv):
    kv.add()
    kv.add(held=frozenset([stream_id(2)]))
    kv.put(STREAM, b"key", b"value")
    with pytest.raises(RemoteRefused, match="kv-1 refused: .*is not held by this server, which holds 0x0.*2"):
        newest(kv.panel())


def test_agreed__server_that_refuses_everything__stops_nobody(three):
    three.put(STREAM, b"a", b"1")

    def refuse(_):
        raise RemoteRefused("http://kv-0", -32603, "Internal error")

    three.lie(0, "kv_getFirst", refuse)
    assert three.panel().agreed(lambda server: server.neighbour(STREAM, None, True, True, None)) == b"a"


def test_newest__everybody_gone__names_all(two):
    two.down(0)
    two.down(1)
    with pytest.raises(PeerUnavailable, match="(?s)no key-value server answers.*kv-0.*kv-1"):
        newest(two.panel())


def test_newest__one_of_two_behind__is_what_both_know(two):
    two.put(STREAM, b"key", b"old")
    two.put(STREAM, b"key", b"new", only=0)
    moment, value, _ = newest(two.panel())
    assert (moment.seq, value.data) == (0, b"old")


def test_newest__witness_behind_what_was_told__is_waited_for(two):
    two.put(STREAM, b"key", b"old")
    two.put(STREAM, b"key", b"new", only=0)
    panel = two.panel()
    panel.raise_floor(STREAM, 1)

    def catches_up():
        two.put(STREAM, b"key", b"new", only=1)
        two.clock.on_sleep = lambda: None

    two.clock.on_sleep = catches_up
    moment, value, agreeing = newest(panel)
    assert (moment.seq, value.data, len(agreeing)) == (1, b"new", 2)


def test_newest__older_than_what_was_told__is_refused(two):
    two.put(STREAM, b"key", b"old")
    two.put(STREAM, b"key", b"new", only=0)
    panel = two.panel(quorum=1, patience=5)
    assert newest(panel)[1].data == b"new"
    two.down(0)
    with pytest.raises(Behind, match="up to 0"):
        newest(panel)
    assert sum(two.clock.slept) >= 5


def test_newest__older_than_what_was_written__is_waited_for(one):
    one.put(STREAM, b"key", b"old")
    panel = one.panel()
    panel.raise_floor(STREAM, 1)
    one.clock.on_sleep = lambda: len(one.clock.slept) == 3 and one.put(STREAM, b"key", b"new")
    assert newest(panel)[1].data == b"new"
    assert len(one.clock.slept) == 3


def test_newest__floor_of_one_stream__leaves_others_alone(one):
    one.put(STREAM, b"key", b"value")
    panel = one.panel()
    panel.raise_floor(stream_id(2), 10)
    assert newest(panel)[1].data == b"value"


def test_newest__one_server_before_all__is_behind_the_other(two):
    two.put(STREAM, b"key", b"value", only=0)
    two.down(0)
    panel = two.panel(patience=1)
    with pytest.raises((Behind, PeerUnavailable)):
        newest(panel)


def test_newest__nobody_has_anything__is_agreed_to_be_before_all(two):
    moment, value, agreeing = newest(two.panel())
    assert (moment.seq, moment.root, value.exists, len(agreeing)) == (NEVER, EMPTY, False, 2)


def test_at__past_moment__may_be_older_than_the_floor(two):
    two.put(STREAM, b"key", b"old")
    two.put(STREAM, b"key", b"new")
    panel = two.panel()
    newest(panel)
    assert at(panel, 0)[1].data == b"old"


def test_at__moment_to_come__is_waited_for_until_patience_ends(one):
    one.put(STREAM, b"key", b"value")
    with pytest.raises(Behind, match="up to 0, not yet 7"):
        at(one.panel(patience=3), 7)
    assert 3 <= sum(one.clock.slept) < 4


def test_agreed__different_answers__are_not_believed(two):
    two.put(STREAM, b"a", b"1")
    two.put(STREAM, b"b", b"2", only=1)
    two.parts[0].send(StreamFile(writes=[(stream_id(2), b"k", b"v")]))
    with pytest.raises(Untrusted, match="contradict each other .*kv-0.*kv-1"):
        two.panel().agreed(lambda server: server.neighbour(STREAM, b"a", True, False, None))


def test_agreed__majority_of_three__counts(three):
    three.put(STREAM, b"a", b"1")
    three.lie(0, "kv_getFirst", lambda told: None)
    assert three.panel().agreed(lambda server: server.neighbour(STREAM, None, True, True, None)) == b"a"


def test_agreed__too_few_answers__is_an_error(two):
    two.put(STREAM, b"a", b"1")
    two.down(1)
    with pytest.raises(PeerUnavailable, match="does not answer"):
        two.panel().agreed(lambda server: server.neighbour(STREAM, None, True, True, None))


def test_flow__that_the_user_pinned__is_the_only_one(one):
    assert one.panel(flow=FLOW.upper().replace("0X", "0x")).status().flow == FLOW
    newest(one.panel(flow=FLOW))
    with pytest.raises(WrongChain, match="not 0x1234"):
        newest(one.panel(flow="0x1234"))


@pytest.mark.parametrize("field", [{"chainId": 1}, {"flowAddress": "0x" + "22" * 20}])
def test_flow__that_servers_do_not_share__is_an_error(two, field):
    two.put(STREAM, b"key", b"value")
    two.lie(1, "kv_getServerStatus", lambda told: told | field)
    with pytest.raises(WrongChain, match="kv-1 and http://kv-0 follow different flows"):
        newest(two.panel())


def test_other_implementation__cannot_prove__and_is_believed_only_on_demand(kv):
    kv.add(proving=False)
    kv.put(STREAM, b"key", b"value")
    panel = kv.panel()
    with pytest.raises(CannotProve):
        newest(panel)
    assert panel.believed(lambda server: server.claimed(STREAM, b"key")).data == b"value"
    assert not set(kv.calls()) - set(CHECKED) - {"kv_getValue"}


def test_believed__first_server_gone__is_the_next_ones_word(two):
    two.put(STREAM, b"key", b"value")
    two.down(0)
    assert two.panel().believed(lambda server: server.claimed(STREAM, b"key")).data == b"value"


def test_close__panel__closes_every_connection(two):
    panel = two.panel()
    panel.close()
    with pytest.raises(PeerUnavailable):
        newest(panel)
