// Seconds that the unmodified npm SDK takes to upload and to download files: node transfer.cjs <job.json>
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const load = createRequire(path.join(job.root, "package.json"));
const { Indexer, ZgFile } = load("@0gfoundation/0g-ts-sdk");
const { ethers } = load("ethers");
console.log = () => {}; // the SDK talks on standard output
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

async function main() {
  const signer = new ethers.Wallet(job.key, new ethers.JsonRpcProvider(job.rpc));
  const indexer = new Indexer(job.indexer);
  const told = { up: [], down: [] };
  for (const source of job.sources) {
    const file = await ZgFile.fromFilePath(source);
    let start = process.hrtime.bigint();
    const [result, failed] = await indexer.upload(file, job.rpc, signer, { finalityRequired: true, taskSize: 10 });
    told.up.push(seconds(start));
    await file.close();
    if (failed) throw failed;
    start = process.hrtime.bigint();
    const refused = await indexer.download(result.rootHash, `${source}.copy`, true);
    told.down.push(seconds(start));
    if (refused) throw refused;
  }
  process.stdout.write(JSON.stringify(told) + "\n");
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
});
