"""A node among its peers, all within this process and told of the same flow."""

from tests.doubles.running import run_service


class Neighbourhood:
    """A node and its peers, all told of the same flow."""

    def __init__(self, web, make_node):
        self.web = web
        self._make = make_node
        self.servers = {}
        self.peers = {}

    def peer(self, url, framed=True, **options):
        """A peer that answers at `url`."""
        self.peers[url] = self._make(url.rpartition("/")[2], **options)
        self.servers[url] = self.peers[url].serve(self.web, url, framed)
        return self.peers[url]

    def node(self, **options):
        """The node itself, with all peers made so far."""
        self.here = self._make("here", peers=list(self.peers), **options)
        return self.here

    def submit(self, *files):
        """The flow grows, and everybody hears of it."""
        for each in [*self.peers.values(), self.here]:
            each.submit(*files)

    def hold(self, *files, lacking=()):
        """All peers but those named hold the files; the node knows of them."""
        self.submit(*files)
        for url, peer in self.peers.items():
            for file in files if url not in lacking else ():
                entry = peer.catalog.of_content(file.content)[-1]
                peer.put(file, peer.missing(entry))
                peer.shelf.complete(file.content)

    def look(self):
        run_service(self.here.peers.service)

    def run(self, pauses=2):
        run_service(self.here.sync.service, pauses)

    def fetch(self, seq=0, *span):
        """Fetch a submission to its end; what became of it."""
        self.look()
        fetch = self.here.sync.start(seq, *span)
        self.run()
        assert not fetch.running
        return fetch
