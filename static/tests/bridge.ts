import { stdin, stdout } from "node:process";
import { text } from "node:stream/consumers";

import type { CallName } from "../src/wallet/protocol";
import { answers } from "../src/wallet/worker/answers";
import { Asked } from "../src/wallet/worker/asked";
import { Refused } from "../src/wallet/worker/refusal";

type Call = { call: CallName; ask: unknown };

function revive(_name: string, value: unknown): unknown {
  return typeof value === "string" && /^\d+n$/.test(value) ? BigInt(value.slice(0, -1)) : value;
}

function replace(_name: string, value: unknown): unknown {
  return typeof value === "bigint" ? `${value}n` : value;
}

async function answer({ call, ask }: Call): Promise<unknown> {
  try {
    return { value: await answers[call](new Asked(ask)) };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal };
    throw error;
  }
}

const calls = JSON.parse(await text(stdin), revive) as Call[];
const results: unknown[] = [];
for (const call of calls) results.push(await answer(call));
stdout.write(JSON.stringify(results, replace));
