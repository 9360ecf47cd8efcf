import { stdin, stdout } from "node:process";
import { createInterface } from "node:readline";

import { hexToBytes } from "@noble/hashes/utils.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";

import { NETWORKS } from "../src/wallet/networks";
import type { CallName, Language, Purpose } from "../src/wallet/protocol";
import { answers } from "../src/wallet/worker/answers";
import { Asked } from "../src/wallet/worker/asked";
import { signMessage } from "../src/wallet/worker/messages";
import { Refused } from "../src/wallet/worker/refusal";
import { outputScript } from "../src/wallet/worker/scripts";
import { wordsOf } from "../src/wallet/worker/words";

type Call = { call: CallName; ask: unknown };

function revive(_name: string, value: unknown): unknown {
  return typeof value === "string" && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}

function replace(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

/** What no page can ask for. */
const more: Record<string, (ask: never) => unknown> = {
  networks: () => NETWORKS,

  words: ({ language }: { language: Language }) => wordsOf(language),

  signWithKey({ key, purpose, message }: { key: string; purpose: Purpose; message: string }) {
    const privateKey = hexToBytes(key);
    const publicKey = secp256k1.getPublicKey(privateKey, true);
    const leaf = { privateKey, publicKey, script: outputScript(purpose, publicKey), path: [] };
    const network = NETWORKS[0];
    if (!network) throw new Error("no network");
    return signMessage(purpose, network, leaf, message);
  },
};

let latestToken = "";

async function answered(call: CallName, ask: unknown): Promise<unknown> {
  const isLatest = call === "sign" && JSON.stringify(ask) === '{"token":"latest"}';
  const value = await answers[call](new Asked(isLatest ? { token: latestToken } : ask));
  if ("token" in value) latestToken = value.token;
  return value;
}

async function answer({ call, ask }: Call): Promise<unknown> {
  const own = more[call];
  if (own) return { value: own(ask as never) };
  try {
    return { value: await answered(call, ask) };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal };
    throw error;
  }
}

for await (const line of createInterface({ input: stdin })) {
  const results: unknown[] = [];
  for (const call of JSON.parse(line, revive) as Call[]) results.push(await answer(call));
  stdout.write(`${JSON.stringify(results, replace)}\n`);
}
