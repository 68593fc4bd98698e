"""Uploads and downloads files with the unmodified PyPI SDK, in its own environment: python pypi_storage.py <job.json>.

The job is that of npm_storage.cjs; prints one JSON line with the roots.
"""

import contextlib
import json
import sys

from core.file import ZgFile
from core.indexer import Indexer
from eth_account import Account


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    indexer, account, told = Indexer(job["indexer"]), Account.from_key(job["key"]), []
    with contextlib.redirect_stdout(sys.stderr):  # the SDK talks on standard output
        for each in job["files"]:
            file = ZgFile.from_file_path(each["source"])
            options = {
                "tags": b"\x00",
                "finalityRequired": True,
                "expectedReplica": job["replicas"],
                "account": account,
            }
            result, failed = indexer.upload(file, job["rpc"], account, options)
            file.close()
            if failed is not None:
                raise failed
            refused = indexer.download(result["rootHash"], each["copy"])
            if refused is not None:
                raise refused
            told.append({"root": result["rootHash"], "transaction": result["txHash"]})
    print(json.dumps(told))


main()
