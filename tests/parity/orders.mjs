// Orders as a wallet made with viem hashes and signs them. In: one JSON line {key, orders: [typed data]}; out: [{digest, signature}].
// The types stand here once more, so that nothing of this comes from the Python or the Solidity side.
import { readFileSync } from "node:fs";
import { hashTypedData } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const order = [
  { name: "account", type: "address" },
  { name: "counterparty", type: "address" },
  { name: "token", type: "address" },
  { name: "price", type: "uint96" },
  { name: "classId", type: "uint8" },
  { name: "count", type: "uint16" },
  { name: "expiry", type: "uint40" },
  { name: "series", type: "uint64" },
  { name: "nonce", type: "uint64" },
];

const kinds = {
  JobAsk: [
    { name: "order", type: "Order" },
    { name: "device", type: "uint32" },
    { name: "collateral", type: "uint96" },
    { name: "submitBlocks", type: "uint32" },
    { name: "holdBlocks", type: "uint32" },
    { name: "arbiter", type: "address" },
    { name: "spec", type: "bytes32" },
  ],
  JobBid: [
    { name: "order", type: "Order" },
    { name: "requester", type: "address" },
    { name: "whole", type: "bool" },
    { name: "minGops", type: "uint24" },
    { name: "minWeight", type: "uint96" },
    { name: "sinceEpoch", type: "uint24" },
    { name: "collateral", type: "uint96" },
    { name: "submitBlocks", type: "uint32" },
    { name: "reviewBlocks", type: "uint32" },
    { name: "refundBlocks", type: "uint32" },
    { name: "parts", type: "uint16" },
    { name: "callback", type: "address" },
    { name: "arbiter", type: "address" },
    { name: "spec", type: "bytes32" },
  ],
  LeaseAsk: [
    { name: "order", type: "Order" },
    { name: "device", type: "uint32" },
    { name: "deposit", type: "uint96" },
    { name: "notice", type: "uint32" },
    { name: "grace", type: "uint32" },
    { name: "voucherBlocks", type: "uint32" },
  ],
  LeaseBid: [
    { name: "order", type: "Order" },
    { name: "whole", type: "bool" },
    { name: "minGops", type: "uint24" },
    { name: "minWeight", type: "uint96" },
    { name: "sinceEpoch", type: "uint24" },
    { name: "deposit", type: "uint96" },
    { name: "cap", type: "uint96" },
    { name: "notice", type: "uint32" },
    { name: "grace", type: "uint32" },
    { name: "voucherBlocks", type: "uint32" },
  ],
};

const exact = (type, value) => (/^uint/.test(type) ? BigInt(value) : value);
const fill = (members, values) =>
  Object.fromEntries(
    members.map(({ name, type }) => [name, type === "Order" ? fill(order, values[name]) : exact(type, values[name])]),
  );

const { key, orders } = JSON.parse(readFileSync(0, "utf8"));
const account = privateKeyToAccount(key);
const answers = [];
for (const { primaryType, domain, message } of orders) {
  const types = { Order: order, [primaryType]: kinds[primaryType] };
  const data = { domain, types, primaryType, message: fill(kinds[primaryType], message) };
  answers.push({ digest: hashTypedData(data), signature: await account.signTypedData(data) });
}
console.log(JSON.stringify(answers));
