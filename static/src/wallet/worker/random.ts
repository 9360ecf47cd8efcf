// The one source of randomness. A browser that has none must not make keys.
import { refuse } from "./refusal";

export function randomBytes(count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  try {
    crypto.getRandomValues(bytes);
  } catch {
    refuse("random_failed");
  }
  return bytes;
}
