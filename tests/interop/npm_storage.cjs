// Uploads and downloads files with an unmodified npm SDK: node npm_storage.cjs <job.json>
// job: {sdk, rpc, indexer, key, replicas, files: [{source, copy}]}; prints one JSON line with the roots.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const load = createRequire(path.join(job.root, "package.json"));
const { Indexer, ZgFile } = load(job.sdk);
const { ethers } = load("ethers");
console.log = console.error; // the SDKs talk on standard output

async function main() {
  const signer = new ethers.Wallet(job.key, new ethers.JsonRpcProvider(job.rpc));
  const indexer = new Indexer(job.indexer);
  const told = [];
  for (const { source, copy } of job.files) {
    const file = await ZgFile.fromFilePath(source);
    const options = { ...job.options, expectedReplica: job.replicas };
    const [result, failed] = await indexer.upload(file, job.rpc, signer, options);
    await file.close();
    if (failed) throw failed;
    const refused = await indexer.download(result.rootHash, copy, true);
    if (refused) throw refused;
    told.push({ root: result.rootHash, transaction: result.txHash });
  }
  process.stdout.write(JSON.stringify(told) + "\n");
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
});
