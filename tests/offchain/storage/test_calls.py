import pytest
from structlog.testing import capture_logs

from offchain.net.jsonrpc import RpcError
from offchain.runtime.metrics import Metrics
from offchain.storage.calls import Calls


@pytest.fixture
def metrics():
    return Metrics("test", "0")


def counted(metrics):
    return {name: value for name, value in metrics.values().items() if name.startswith("zg_rpc_calls_total")}


def test_called__calls__are_counted_by_method_and_outcome(metrics):
    calls = Calls(metrics)
    for _ in range(2):
        calls.called("zgs_getStatus", None)
    calls.called("zgs_getStatus", RpcError(-32000, "no"))
    calls.called("unknown", RpcError(-32601, "Method not found"))
    assert counted(metrics) == {
        "zg_rpc_calls_total{method=zgs_getStatus}{outcome=ok}": 2.0,
        "zg_rpc_calls_total{method=zgs_getStatus}{outcome=error}": 1.0,
        "zg_rpc_calls_total{method=unknown}{outcome=error}": 1.0,
    }


def test_called__refused__is_logged_with_its_reason(metrics):
    calls = Calls(metrics)
    with capture_logs() as logs:
        calls.called("a", RpcError(-32602, "Invalid params: root", "already uploaded and finalized"))
        calls.called("a", None)
    assert [(each["event"], each["method"], each["code"], each["reason"]) for each in logs] == [
        ("call refused", "a", -32602, "Invalid params: root: already uploaded and finalized")
    ]
