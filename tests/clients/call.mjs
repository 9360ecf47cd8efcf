// Calls clients that we did not write, and prints what they make of our answers.
//
//   node call.mjs <library> <origin> < calls.json
//
// calls.json: [["getTx", {...}], ...]; the answers are printed in that order, amounts as numbers.

import { readFileSync } from "node:fs";

const MODULES = new URL("../../static/node_modules/", import.meta.url);
const REGTEST = { bech32: "bcrt", pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef };
const POLL_MILLISECONDS = 50;
const FEE = 1_000n;

const fromHex = (text) => Uint8Array.from(Buffer.from(text, "hex"));

async function openScure(origin) {
  const { EsploraProvider } = await import(new URL("@scure/btc-signer/net.js", MODULES));
  const bitcoin = await import(new URL("@scure/btc-signer/index.js", MODULES));
  const { pubECDSA } = await import(new URL("@scure/btc-signer/utils.js", MODULES));
  const provider = new EsploraProvider(fetch, `${origin}/api`, REGTEST);
  const addressOf = (key) => bitcoin.p2wpkh(pubECDSA(key), REGTEST).address;

  async function pay(keyHex, to, amount) {
    const key = fromHex(keyHex);
    const own = bitcoin.p2wpkh(pubECDSA(key), REGTEST);
    const { utxo, balance } = await provider.unspent(own.address);
    const payment = new bitcoin.Transaction();
    for (const coin of utxo) {
      const value = bitcoin.Transaction.fromRaw(coin.nonWitnessUtxo).getOutput(coin.index).amount;
      payment.addInput({ ...coin, witnessUtxo: { script: own.script, amount: value } });
    }
    payment.addOutputAddress(to, BigInt(amount), REGTEST);
    payment.addOutputAddress(own.address, balance - BigInt(amount) - FEE, REGTEST);
    payment.sign(key);
    payment.finalize();
    return provider.sendTx(payment.hex);
  }

  async function collect(stream) {
    const found = [];
    for await (const each of stream) found.push(each);
    return found;
  }

  return (name, ...given) => {
    if (name === "address") return addressOf(fromHex(given[0]));
    if (name === "pay") return pay(...given);
    if (name === "history" || name === "historyMulti") return collect(provider[name](...given));
    if (name === "waitForTx") return provider.waitForTx(given[0], { pollIntervalMs: POLL_MILLISECONDS, timeoutMs: 20_000 });
    return provider[name](...given);
  };
}

async function openMempool(origin) {
  const { default: mempoolJS } = await import(new URL("@mempool/mempool.js/lib/index.js", MODULES));
  const { bitcoin } = mempoolJS({ hostname: new URL(origin).host, protocol: "http" });
  return (name, ...given) => {
    const [group, method] = name.split(".");
    return bitcoin[group][method](...given);
  };
}

const [library, origin] = process.argv.slice(2);
const call = await (library === "scure" ? openScure(origin) : openMempool(origin));
const answers = [];
for (const [name, ...given] of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    answers.push(await call(name, ...given));
  } catch (error) {
    answers.push({ error: error.response?.data ?? error.message, status: error.response?.status ?? error.status });
  }
}
const shown = (_key, value) => {
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
};
console.log(JSON.stringify(answers, shown));
