// What verify.mjs says to each vector: node verify_vectors.mjs VERIFY VECTORS
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { verify, verifyBoseat } = await import(pathToFileURL(process.argv[2]));
const accepts = (check, each) => {
  try {
    check(Buffer.from(each.body), each.headers, each.secret, { now: each.now });
    return true;
  } catch (error) {
    if (error.constructor.name !== "InvalidWebhook") throw error;
    return false;
  }
};
const vectors = JSON.parse(readFileSync(process.argv[3]));
console.log(JSON.stringify(vectors.map((each) => [accepts(verify, each), accepts(verifyBoseat, each)])));
