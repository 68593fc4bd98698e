// The unmodified npm SDK builds the tree of a file: node file_root.js <path> <runs> prints {"root", "seconds"}.
const { ZgFile } = require("@0gfoundation/0g-ts-sdk");

async function build(path) {
  const file = await ZgFile.fromFilePath(path);
  const start = process.hrtime.bigint();
  const [tree, error] = await file.merkleTree();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  await file.close();
  if (error !== null) throw error;
  return { root: tree.rootHash(), seconds };
}

async function main([path, runs]) {
  await build(path); // lets the compiler of node warm up
  const results = [];
  for (let run = 0; run < Number(runs); run++) results.push(await build(path));
  console.log(JSON.stringify({ root: results[0].root, seconds: results.map((result) => result.seconds) }));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
