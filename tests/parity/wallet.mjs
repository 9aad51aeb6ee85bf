// Typed data as a wallet made with viem hashes and signs it. In: one JSON line {key, told: [{types, primaryType, domain, message}]}, numbers
// as text; out: [{digest, signature}].
import { readFileSync } from "node:fs";
import { hashTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const exact = (types, type, value) =>
  types[type] ? fill(types, type, value) : /^uint/.test(type) ? BigInt(value) : value;
const fill = (types, kind, values) =>
  Object.fromEntries(types[kind].map(({ name, type }) => [name, exact(types, type, values[name])]));

const { key, told } = JSON.parse(readFileSync(0, "utf8"));
const account = privateKeyToAccount(key);
const answers = [];
for (const { types, primaryType, domain, message } of told) {
  const data = { domain, types, primaryType, message: fill(types, primaryType, message) };
  answers.push({ digest: hashTypedData(data), signature: await account.signTypedData(data) });
}
console.log(JSON.stringify(answers));
