import type { Refusal, RefusalCode, RefusalParameters } from "../protocol";

/** Why a request is not done, as the page is told. */
export class Refused extends Error {
  readonly refusal: Refusal;

  constructor(code: RefusalCode, parameters: RefusalParameters = {}) {
    super(code);
    this.refusal = { code, parameters };
  }
}

export function refuse(code: RefusalCode, parameters: RefusalParameters = {}): never {
  throw new Refused(code, parameters);
}
