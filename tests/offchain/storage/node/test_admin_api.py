import pytest

from offchain.errors import PeerUnavailable, RemoteRefused
from offchain.protocol.sectors import SEGMENT_BYTES
from offchain.protocol.shards import Shard
from offchain.storage.node.sync import MAX_FILES
from tests.doubles.files import File
from tests.doubles.running import run_service

FILE = File.random(3 * SEGMENT_BYTES + 700)
SMALL = File.random(600)
HERE, ONE, TWO = "http://here", "http://one:5678", "http://two:5678"
HUGE = [1 << 63, (1 << 64) - 1]


class Operated:
    """A node with peers, and its operator's calls."""

    def __init__(self, web, make_node, shards, **options):
        self.servers, self.peers = {}, {}
        for url, shard in shards.items():
            self.peers[url] = make_node(url[7:10], shard=shard)
            self.servers[url] = self.peers[url].serve(web, url)
        self.node = make_node("here", peers=list(shards), **options)
        web.serve(HERE, self.node.admin.methods)
        self.call = web.client(HERE).rpc

    def look(self):
        run_service(self.node.peers.service)

    def hold(self, *files):
        """All peers hold the files, and the node knows of them."""
        for peer in self.peers.values():
            peer.hold(*files)
        self.node.submit(*files)
        self.look()

    def refusal(self, method, *params):
        with pytest.raises(RemoteRefused) as refused:
            self.call(method, *params)
        return refused.value.code, refused.value.message, refused.value.data


@pytest.fixture
def operate(web, make_node):
    return lambda shards=None, **options: Operated(web, make_node, shards or {}, **options)


def test_start_sync_file__file_that_a_peer_has__is_fetched(operate):
    at = operate({ONE: Shard()})
    at.hold(FILE)
    assert at.call("admin_startSyncFile", 0) is None
    assert at.call("admin_getSyncStatus", 0) == "FindingPeers"
    at.node.clock.time += 7.5
    run_service(at.node.sync.service, 2)
    assert at.call("admin_getSyncStatus", 0) == "Completed"
    at.node.clock.time += 100
    assert at.call("admin_getSyncInfo", 0) == {
        "0": {
            "elapsedSecs": 7,
            "peers": {"Completed": 1},
            "goal": {"numChunks": 3075, "indexStart": 0, "indexEnd": 3075},
            "next_chunks": 4096,
            "state": "Completed",
        }
    }


def test_start_sync_chunks__range__is_the_goal(operate):
    at = operate({ONE: Shard()})
    at.hold(FILE)
    assert at.call("admin_startSyncChunks", 0, 1024, 2048) is None
    told = at.call("admin_getSyncInfo")["0"]
    assert told["goal"] == {"numChunks": 1024, "indexStart": 1024, "indexEnd": 2048}
    assert (told["next_chunks"], told["state"], told["elapsedSecs"]) == (1024, "FindingPeers", 0)


@pytest.mark.parametrize(
    ("method", "params", "data"),
    [
        ("admin_startSyncFile", [5], "there is no submission 5"),
        ("admin_startSyncFile", [HUGE[0]], f"there is no submission {HUGE[0]}"),
        ("admin_startSyncChunks", [0, 5, 5], "sectors 5 to 5 are not within a file of 3 sectors"),
        ("admin_startSyncChunks", [0, 0, 4], "sectors 0 to 4 are not within a file of 3 sectors"),
        ("admin_startSyncChunks", [HUGE[1], 0, 1], f"there is no submission {HUGE[1]}"),
    ],
)
def test_start__what_cannot_be_fetched__is_an_internal_error_with_the_reason(operate, method, params, data):
    at = operate()
    at.node.submit(SMALL)
    assert at.refusal(method, *params) == (-32603, "Internal error", data)


def test_start__too_many_at_once__is_refused(operate):
    at = operate()
    at.node.submit(*[File.random(600, seed) for seed in range(MAX_FILES + 1)])
    for seq in range(MAX_FILES):
        at.call("admin_startSyncFile", seq)
    assert at.refusal("admin_startSyncFile", MAX_FILES) == (-32000, "16 files are being fetched already", None)


def test_terminate_sync__running_or_not__tells_which(operate):
    at = operate()
    at.node.submit(SMALL)
    assert at.call("admin_terminateSync", 0) is False
    at.call("admin_startSyncFile", 0)
    assert at.call("admin_terminateSync", 0) is True
    assert [at.call("admin_terminateSync", seq) for seq in HUGE] == [False, False]


def test_get_sync_service_state__counts_what_goes_on(operate):
    at = operate(automatic=True)
    told = {"numSyncing": 0, "catchedUp": True, "autoSyncSerial": "enabled", "autoSyncRandom": "enabled"}
    assert at.call("admin_getSyncServiceState") == told
    at.node.submit(SMALL)
    at.call("admin_startSyncFile", 0)
    assert at.call("admin_getSyncServiceState") == told | {"numSyncing": 1, "catchedUp": False}
    manual = operate()
    assert manual.call("admin_getSyncServiceState")["autoSyncRandom"] == "disabled"


def test_get_sync_info__nothing_fetched__is_empty(operate):
    at = operate()
    assert (at.call("admin_getSyncInfo"), at.call("admin_getSyncInfo", 0), at.call("admin_getSyncInfo", None)) == (
        {},
        {},
        {},
    )
    assert at.call("admin_getSyncStatus", 0) == "unknown"


def test_get_sync_info__one_number__leaves_the_others_out(operate):
    at = operate()
    at.node.submit(SMALL, FILE)
    for seq in (0, 1):
        at.call("admin_startSyncFile", seq)
    assert list(at.call("admin_getSyncInfo")) == ["0", "1"]
    assert list(at.call("admin_getSyncInfo", 1)) == ["1"]


def test_get_network_info__peers__are_counted(operate):
    at = operate({ONE: Shard(), TWO: Shard()})
    at.servers[TWO].down = True
    at.look()
    assert at.call("admin_getNetworkInfo") == {
        "peerId": "n0de" * 10,
        "listenAddresses": ["http://127.0.0.1:5678"],
        "totalPeers": 2,
        "bannedPeers": 0,
        "disconnectedPeers": 1,
        "connectedPeers": 1,
        "connectedOutgoingPeers": 1,
        "connectedIncomingPeers": 0,
    }


def test_get_peers__connected_or_not__are_told_by_id(operate):
    at = operate({ONE: Shard(), TWO: Shard()})
    at.servers[TWO].down = True
    at.look()
    one, two = at.node.peers.all()
    told = {
        "client": {"version": "", "os": "", "protocol": "http", "agent": "zg-storage"},
        "connectionStatus": {"status": "connected", "connectionsIn": 0, "connectionsOut": 1, "lastSeenSecs": 1000},
        "listeningAddresses": [ONE],
        "seenIps": ["one"],
        "isTrusted": True,
        "connectionDirection": "Outgoing",
        "enr": None,
    }
    gone = {
        "connectionStatus": {"status": "disconnected", "connectionsIn": 0, "connectionsOut": 0, "lastSeenSecs": 0},
        "listeningAddresses": [TWO],
        "seenIps": ["two"],
        "connectionDirection": None,
    }
    assert at.call("admin_getPeers") == {one.id: told, two.id: told | gone}


def test_get_file_location__holders__are_told_with_their_shards(operate):
    at = operate({ONE: Shard(0, 2), TWO: Shard(1, 2)})
    at.hold(FILE)
    both = [
        {"ip": "one:5678", "shardConfig": {"shardId": 0, "numShard": 2}},
        {"ip": "two:5678", "shardConfig": {"shardId": 1, "numShard": 2}},
    ]
    assert at.call("admin_getFileLocation", 0) == at.call("admin_getFileLocation", 0, True) == both
    at.servers[ONE].down = True
    at.look()
    assert at.call("admin_getFileLocation", 0) == both[1:]
    assert at.call("admin_getFileLocation", 0, True) is None


def test_get_file_location__unknown_or_nobody_has_it__is_null(operate):
    at = operate({ONE: Shard()})
    at.peers[ONE].submit(SMALL)
    at.node.submit(SMALL)
    at.look()
    assert [at.call("admin_getFileLocation", seq) for seq in (0, 1, *HUGE)] == [None] * 4


@pytest.mark.parametrize("error", [PeerUnavailable("it died"), RemoteRefused(ONE, -32000, "no")])
def test_get_file_location__peer_that_fails_just_now__is_left_out(operate, error):
    at = operate({ONE: Shard(), TWO: Shard()})
    at.hold(FILE)

    def fail(call, _):
        raise error

    at.servers[ONE].before = fail
    assert [each["ip"] for each in at.call("admin_getFileLocation", 0)] == ["two:5678"]
    assert at.call("admin_findFile", 0) is None


def test_find_file__asks_the_peers(operate):
    at = operate({ONE: Shard()})
    at.hold(SMALL)
    at.servers[ONE].calls.clear()
    assert at.call("admin_findFile", 0) is None
    assert at.servers[ONE].calls == ["zgs_getFileInfoByTxSeq"]
    assert [at.call("admin_findFile", seq) for seq in HUGE] == [None, None]


def test_get_metrics__prefix__chooses(operate):
    at = operate()
    everything = at.call("admin_getMetrics")
    assert "zg_scrubbed_segments_total" in everything
    assert at.call("admin_getMetrics", "zg_scrubbed_segments_total") == {"zg_scrubbed_segments_total": "0.0"}
    assert at.call("admin_getMetrics", None).keys() == everything.keys()
    assert at.call("admin_getMetrics", "nothing") == {}


def test_check_file__damage__is_found_and_forgotten(operate):
    at = operate()
    at.node.hold(FILE)
    at.node.damage(FILE, 2)
    assert at.call("admin_checkFile", 0) == {"checked": 4, "damaged": 1}
    assert at.call("admin_checkFile", 0) == {"checked": 4, "damaged": 0}
    assert [at.call("admin_checkFile", seq) for seq in (1, *HUGE)] == [None] * 3


def test_shutdown__asks_the_node_to_stop(operate):
    at = operate()
    assert at.call("admin_shutdown") is None
    assert at.node.stopped == 1
