// The page's end of the line to the signing worker.
import type { Answer, CallName, Calls, Question, RefusalCode, RefusalParameters } from "./protocol";

/** The worker said no; templates/wallets/words.html has a sentence for each code. */
export class RefusalError extends Error {
  constructor(
    readonly code: RefusalCode,
    readonly parameters: RefusalParameters,
  ) {
    super(code);
  }
}

/** The wallet is locked, or was locked before the worker could answer. */
export class LockedError extends Error {}

interface Waiting {
  resolve: (value: never) => void;
  reject: (error: Error) => void;
}

interface UrlPolicy {
  createScriptURL(url: string): string;
}

interface TrustedTypeFactory {
  createPolicy(name: string, rules: { createScriptURL: () => string }): UrlPolicy;
}

let policy: UrlPolicy | undefined;

/** Trusted Types want a policy for a worker's address; this one knows a single address. */
function workerUrl(): string {
  const url = document.querySelector<HTMLMetaElement>("meta[name=signer]")?.content ?? "";
  const factory = (window as { trustedTypes?: TrustedTypeFactory }).trustedTypes;
  policy ??= factory?.createPolicy("signer", { createScriptURL: () => url });
  return policy?.createScriptURL("") ?? url;
}

/** One worker with what it holds. */
export class Signer {
  private readonly worker = new Worker(workerUrl(), { type: "module", name: "signer" });
  private readonly waiting = new Map<number, Waiting>();
  private last = 0;
  private ended = false;

  constructor() {
    this.worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => this.onAnswer(data));
    this.worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.end(new RefusalError("internal", { detail: event.message || "worker" }));
    });
  }

  /** Raises RefusalError, or LockedError once the worker has been ended. */
  ask<Name extends CallName>(call: Name, ask: Calls[Name]["ask"]): Promise<Calls[Name]["answer"]> {
    if (this.ended) return Promise.reject(new LockedError());
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, call, ask } as Question);
    });
  }

  /** End the worker and with it the keys; who waits for an answer gets `error`. */
  end(error: Error = new LockedError()): void {
    this.ended = true;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  private onAnswer(answer: Answer): void {
    const waiting = this.waiting.get(answer.id);
    if (!waiting) return;
    this.waiting.delete(answer.id);
    if (answer.ok) waiting.resolve(answer.value as never);
    else waiting.reject(new RefusalError(answer.refusal.code, answer.refusal.parameters));
  }
}
