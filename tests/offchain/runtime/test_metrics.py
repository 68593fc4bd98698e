from offchain.runtime.metrics import CONTENT_TYPE, Metrics


def lines(metrics):
    return metrics.exposition().decode().splitlines()


def test_exposition__new_worker__tells_worker_uptime_and_memory():
    now = [100.0]
    metrics = Metrics("node", "0.1.0", clock=lambda: now[0])
    now[0] = 107.5
    text = lines(metrics)
    assert 'zg_worker_info{version="0.1.0",worker="node"} 1.0' in text
    assert "zg_worker_uptime_seconds 7.5" in text
    assert any(line.startswith("process_resident_memory_bytes ") for line in text)
    assert CONTENT_TYPE.startswith("text/plain")


def test_exposition__own_metrics__carry_the_prefix():
    metrics = Metrics("node", "0.1.0")
    metrics.counter("segments_stored", "Segments stored.", "shard").labels("3").inc(2)
    metrics.gauge("blocks_behind", "Blocks behind the head.").set(4)
    metrics.histogram("proof_seconds", "Seconds for a proof.", (0.1, 1.0)).observe(0.5)
    text = lines(metrics)
    assert 'zg_segments_stored_total{shard="3"} 2.0' in text
    assert "zg_blocks_behind 4.0" in text
    assert 'zg_proof_seconds_bucket{le="1.0"} 1.0' in text


def test_metrics__two_workers_in_one_process__do_not_mix():
    first, second = Metrics("a", "1"), Metrics("b", "1")
    first.failures.labels("watch").inc()
    assert not any("watch" in line for line in lines(second))
