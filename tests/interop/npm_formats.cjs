// Fragments and encryption with an unmodified npm SDK: node npm_formats.cjs <job.json>
// job: {root, sdk, rpc, indexer, key, steps}; a step uploads {source, options} or downloads {roots, copy, decryption}.
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");

const job = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const load = createRequire(path.join(job.root, "package.json"));
const { Indexer, ZgFile } = load(job.sdk);
const { ethers } = load("ethers");
console.log = console.error; // the SDK talks on standard output

function encryption(given) {
  if (!given) return undefined;
  return given.key ? { type: "aes256", key: Buffer.from(given.key, "hex") } : { type: "ecies", recipientPubKey: given.to };
}

async function main() {
  const signer = new ethers.Wallet(job.key, new ethers.JsonRpcProvider(job.rpc));
  const indexer = new Indexer(job.indexer);
  const told = [];
  for (const { source, options, roots, copy, decryption } of job.steps) {
    if (source) {
      const file = await ZgFile.fromFilePath(source);
      const chosen = { finalityRequired: true, ...options, encryption: encryption(options.encryption) };
      const [result, failed] = await indexer.upload(file, job.rpc, signer, chosen);
      await file.close();
      if (failed) throw failed;
      told.push(result.rootHashes || [result.rootHash]);
    } else if (decryption) {
      const [blob, failed] = await indexer.downloadToBlob(roots.length > 1 ? roots : roots[0], { decryption });
      if (failed) throw failed;
      fs.writeFileSync(copy, Buffer.from(await blob.arrayBuffer()));
    } else {
      const failed = await indexer.download(roots.length > 1 ? roots : roots[0], copy, true);
      if (failed) throw failed;
    }
  }
  process.stdout.write(JSON.stringify(told) + "\n");
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(`${error && error.stack ? error.stack : error}\n`);
  process.exit(1);
});
