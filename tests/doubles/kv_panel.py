"""Key-value servers within this process, told of the same transactions, and clients that ask them."""

from offchain.storage.kv.client.panel import Panel
from offchain.storage.kv.client.reader import Reader
from offchain.storage.kv.client.server import KvServer
from tests.doubles.clock import FakeClock
from tests.doubles.kv_parts import KvParts
from tests.doubles.local_web import LocalWeb
from tests.doubles.streams import StreamFile

CHECKED = ("kv_getServerStatus", "kv_getStateRoot", "kv_getValueWithProof", "kv_getRightWithProof", "kv_getTransaction")


class KvPanel:
    """Servers `http://kv-0` and so on. `parts` are what they are made of, `web.servers` how they answer."""

    def __init__(self, folder, web=None):
        self.folder = folder
        self.web = web or LocalWeb()
        self.clock = FakeClock()
        self.parts = []

    def add(self, proving=True, **options):
        """Another server that knows what the first one knows; returns its URL."""
        number = len(self.parts)
        self.parts.append(KvParts(self.folder / f"kv-{number}", **options))
        return self._serve(number, proving)

    def _serve(self, number, proving):
        parts, url = self.parts[number], f"http://kv-{number}"
        checked = parts.checked.methods if proving else {}
        self.web.serve(url, {**parts.api.methods, **checked})
        return url

    def send(self, *files, by=0, only=None):
        """Everybody, or `only` one server, hears of transactions; returns the sequence number of the last."""
        hearers = self.parts if only is None else [self.parts[only]]
        return [parts.send(*files, by=by)[-1] for parts in hearers][-1]

    def put(self, stream, key, value, **options):
        return self.send(StreamFile(writes=[(stream, key, value)]), **options)

    def server(self, number=0):
        """One server as its clients see it."""
        return KvServer(self.web.client(f"http://kv-{number}"))

    def panel(self, **options):
        servers = [self.server(number) for number in range(len(self.parts))]
        return Panel(servers, sleep=self.clock.sleep, now=self.clock.now, **options)

    def reader(self, unproven=False, freshness=None, **options):
        return Reader(self.panel(**options), freshness, unproven)

    def lie(self, number, method, change):
        """From now on a server answers a method with what `change` makes of the right answer."""

        def after(call, _, answer):
            return change(answer) if call == method else answer

        self.web.servers[f"http://kv-{number}"].after = after

    def down(self, number, down=True):
        self.web.servers[f"http://kv-{number}"].down = down

    def calls(self, number=0):
        return self.web.servers[f"http://kv-{number}"].calls

    def close(self):
        for parts in self.parts:
            parts.close()
