"""Storage nodes of one flow within this process, and an indexer of them."""

from offchain.protocol.shards import Shard

INDEXER = "http://indexer"


class Announced:
    """A file of which only the submission is known."""

    def __init__(self, submission):
        self._submission = submission

    def submission(self, tags=b""):
        return self._submission


class Neighbours:
    """Nodes by number, from 0; `servers` are what a test disturbs."""

    def __init__(self, web, make_node):
        self.web = web
        self._make_node = make_node
        self.nodes = []
        self.servers = []

    @property
    def urls(self):
        return [server.url for server in self.servers]

    def add(self, count, shard=None, framed=True, **options):
        """Make nodes and serve them; returns the last one."""
        for _ in range(count):
            number = len(self.nodes) + 1
            node = self._make_node(f"node-{number}", shard=shard or Shard(), **options)
            self.nodes.append(node)
            self.servers.append(node.serve(self.web, f"http://node-{number}", framed))
        return self.nodes[-1]

    def submit(self, *files, tags=b""):
        """Every node sees files announced in a new block; returns the first node's entries."""
        return [node.submit(*files, tags=tags) for node in self.nodes][0]

    def hold(self, *files):
        """Every node has files complete; returns the first node's entries."""
        return [node.hold(*files) for node in self.nodes][0]

    def follow(self, chain):
        """Every node hears of what was submitted to a `FlowChain` since the last time."""
        submitted = [log.submission for log in chain.submitted()]
        for node in self.nodes:
            for submission in submitted[node.catalog.next_seq() :]:
                node.submit(Announced(submission))

    def complete(self):
        """Every node finalizes the files that it has all of, as it does by itself once it runs."""
        for node in self.nodes:
            for entry in node.catalog.unfinished():
                if not node.missing(entry):
                    node.shelf.complete(entry.content)

    def serve_indexer(self, trusted=None, holders=None):
        """An indexer that lists `trusted`, all by default, and names `holders` of every file."""
        listed = [self._shown(number) for number in range(len(self.nodes))] if trusted is None else trusted

        async def get_sharded_nodes():
            return {"trusted": listed, "discovered": []}

        async def get_file_locations(root: str):
            return listed if holders is None else holders

        methods = {"indexer_getShardedNodes": get_sharded_nodes, "indexer_getFileLocations": get_file_locations}
        return self.web.serve(INDEXER, methods)

    def _shown(self, number):
        shard = self.nodes[number].shelf.shard
        config = {"shardId": shard.number, "numShard": shard.count}
        return {"url": self.urls[number], "config": config, "latency": 1, "since": 2}
