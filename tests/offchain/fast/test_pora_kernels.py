"""Kernels of mining on CPUs whose vectors are narrower than this one's."""

import platform

import pytest

from tests.offchain.fast.processes import printed, start, without_avx512

EQUALS_PROTOCOL = """
import os
from offchain.fast import recall, sealing
from offchain.fast.compiled import has_feature
from offchain.protocol import recall as protocol, sealing as protocol_sealing
from offchain.protocol.recall import LOAD_BYTES, RecallRange, Task
miner, raw, sealed = os.urandom(32), os.urandom(LOAD_BYTES), bytearray(LOAD_BYTES)
contexts = [os.urandom(32) for _ in range(64)]
sealing.seal(raw, sealed, miner, contexts, 1024)
back = bytearray(LOAD_BYTES)
sealing.unseal(sealed, back, miner, contexts, 1024)
units = [raw[at : at + 4096] for at in range(0, LOAD_BYTES, 4096)]
same = bytes(back) == raw and bytes(sealed) == b"".join(
    protocol_sealing.seal(unit, miner, context, 1024 + 16 * at)
    for at, (unit, context) in enumerate(zip(units, contexts)))
task, batch, nonces = Task(miner, os.urandom(32), RecallRange(0, 1 << 20)), recall.Batch(9), [os.urandom(32)] * 9
batch.recall(task, nonces)
expected = protocol.recall(task, nonces[0])
same &= all(batch.recalled(number) == expected for number in range(9))
hits = batch.scan([None] * 8 + [sealed], (1 << 256) - 1)
same &= hits == protocol.scan(expected, bytes(sealed), (1 << 256) - 1)
same &= recall.second_qualities([miner], units[:1]) == [protocol.second_quality(miner, units[0])]
print(same, has_feature("avx512f"))
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="pretends to be an older x86-64")
@pytest.mark.parametrize(
    "cpu", [without_avx512(), {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}], ids=["avx2", "sse2"]
)
def test_kernels__cpu_with_narrower_vectors__equal_the_protocol(tmp_path, cpu):
    assert printed(start(EQUALS_PROTOCOL, tmp_path, **cpu)) == "True False"
