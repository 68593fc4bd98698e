import pytest

from offchain.storage.client.intents import INTENT_SCHEMA, Intents, Wanted
from offchain.store.database import Database
from tests.doubles.flow_log import FLOW, SUBMITTER, made_up


@pytest.fixture
def database(tmp_path):
    with Database(tmp_path / "client.sqlite", INTENT_SCHEMA, durable=False) as opened:
        yield opened


@pytest.fixture
def intents(database):
    return Intents(database, FLOW)


def wanted(size=300, seed=0, tags=b""):
    submission = made_up(size, seed, tags)
    return Wanted(submission.data_root, submission)


def test_key_of__never_decided_on__is_none(intents):
    assert intents.key_of(wanted()) is None


def test_decide__files_of_one_transaction__share_its_key_also_after_a_restart(intents, tmp_path):
    files = [wanted(seed=seed) for seed in range(3)]
    key = intents.decide(files)
    with Database(tmp_path / "client.sqlite", INTENT_SCHEMA, durable=False) as again:
        assert {Intents(again, FLOW).key_of(each) for each in files} == {key}


def test_decide__other_size_tags_or_flow__is_another_file(intents, database):
    intents.decide([wanted(300, 1)])
    assert intents.key_of(wanted(300, 1, b"tags")) is None
    assert intents.key_of(wanted(299, 1)) is None
    assert Intents(database, SUBMITTER).key_of(wanted(300, 1)) is None
    assert Intents(database, FLOW.upper().replace("X", "x")).key_of(wanted(300, 1)) is not None


def test_forget__key__frees_all_its_files_and_no_others(intents):
    first, second = [wanted(seed=1), wanted(seed=2)], [wanted(seed=3)]
    key, other = intents.decide(first), intents.decide(second)
    intents.forget(key)
    assert [intents.key_of(each) for each in first] == [None, None]
    assert intents.key_of(second[0]) == other


def test_decide__again_after_forgetting__never_gives_the_same_key(intents):
    """The journal may hold a failed transaction under the old one."""
    keys = []
    for _ in range(5):
        keys.append(intents.decide([wanted()]))
        intents.forget(keys[-1])
    assert len(set(keys)) == 5


def test_decide__file_decided_on_before__has_the_newer_key(intents):
    old = intents.decide([wanted(seed=1), wanted(seed=2)])
    new = intents.decide([wanted(seed=2)])
    assert (intents.key_of(wanted(seed=1)), intents.key_of(wanted(seed=2))) == (old, new)


def test_wanted__identity__is_root_size_and_tags():
    each = wanted(300, 1, b"tags")
    assert each.identity == (each.submission.data_root, 300, b"tags")
