// The signing worker: the only place where secrets exist. It ends with its page, or when the page
// locks; nothing it holds outlives it but the encrypted vault.
import type { Answer, CallName } from "../protocol";
import { answers } from "./answers";
import { Asked, isRecord } from "./asked";
import { Refused, refuse } from "./refusal";

function isCall(name: unknown): name is CallName {
  return typeof name === "string" && Object.hasOwn(answers, name);
}

async function answerTo(id: number, question: Record<string, unknown>): Promise<Answer> {
  try {
    const { call } = question;
    if (!isCall(call)) refuse("malformed_request", { field: "call" });
    if (!isSecureContext) refuse("insecure_context");
    return { id, ok: true, value: await answers[call](new Asked(question.ask)) };
  } catch (error) {
    if (error instanceof Refused) return { id, ok: false, refusal: error.refusal };
    // Only the name: a message might quote a secret.
    const detail = error instanceof Error ? error.name : "unknown";
    return { id, ok: false, refusal: { code: "internal", parameters: { detail } } };
  }
}

// One after the other: a request sees what the one before it has done.
let last: Promise<void> = Promise.resolve();

addEventListener("message", ({ data }: MessageEvent<unknown>) => {
  if (!isRecord(data) || typeof data.id !== "number") return;
  const { id } = data;
  last = last.then(async () => postMessage(await answerTo(id, data)));
});
