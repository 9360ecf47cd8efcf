// Mnemonics (BIP39): making them, reading what somebody typed, and the seed they stand for.
import { entropyToMnemonic, mnemonicToSeedWebcrypto, validateMnemonic } from "@scure/bip39";

import { type Language, WORD_COUNTS, type WordCount } from "../protocol";
import type { Bytes } from "./bytes";
import { randomBytes } from "./random";
import { refuse } from "./refusal";
import { languagesOf, nearestLanguage, normalised, wordsOf } from "./words";

export interface Mnemonic {
  /** Normalised, with single spaces. */
  text: string;
  language: Language;
  count: WordCount;
}

const BYTES_FOR_THREE_WORDS = 4;

export function newMnemonic(count: WordCount, language: Language): Mnemonic {
  const entropy = randomBytes((count / 3) * BYTES_FOR_THREE_WORDS);
  const text = entropyToMnemonic(entropy, [...wordsOf(language)]);
  entropy.fill(0);
  return { text: normalised(text), language, count };
}

function hasChecksum(text: string, language: Language): boolean {
  return validateMnemonic(text, [...wordsOf(language)]);
}

function refuseUnknownWord(words: readonly string[], language: Language): void {
  const list = new Set(wordsOf(language));
  const at = words.findIndex((word) => !list.has(word));
  if (at < 0) return;
  refuse("word_unknown", { position: at + 1, word: (words[at] ?? "").normalize("NFC") });
}

/** The language in which all words exist and the checksum holds. Two Chinese lists share words. */
function languageOf(words: readonly string[], text: string): Language {
  const possible = languagesOf(words);
  if (possible.length === 0) refuseUnknownWord(words, nearestLanguage(words));
  const sound = possible.filter((language) => hasChecksum(text, language));
  if (sound.length > 1) refuse("language_ambiguous", { languages: sound.join(" ") });
  return sound[0] ?? refuse("words_checksum");
}

/** The mnemonic that was typed; refused with the word that is wrong. */
export function readMnemonic(typed: string, language: Language | undefined): Mnemonic {
  const text = normalised(typed);
  const words = text === "" ? [] : text.split(" ");
  const count = WORD_COUNTS.find((each) => each === words.length);
  if (language !== undefined) refuseUnknownWord(words, language);
  if (count === undefined) refuse("word_count", { found: words.length });
  if (language === undefined) return { text, language: languageOf(words, text), count };
  if (!hasChecksum(text, language)) refuse("words_checksum");
  return { text, language, count };
}

export async function seedOf(mnemonic: Mnemonic, passphrase: string): Promise<Bytes> {
  return mnemonicToSeedWebcrypto(mnemonic.text, passphrase);
}

/** Words as they are written down. */
export function writtenWords(mnemonic: Mnemonic): string[] {
  return mnemonic.text.split(" ").map((word) => word.normalize("NFC"));
}

/** Which of the words given do not stand at these positions, counted from 1. */
export function wrongPositions(
  mnemonic: Mnemonic,
  positions: readonly number[],
  given: readonly string[],
): number[] {
  const words = mnemonic.text.split(" ");
  const strange = positions.find((position) => words[position - 1] === undefined);
  if (strange !== undefined) refuse("position_wrong", { position: strange });
  return positions.filter((position, at) => words[position - 1] !== normalised(given[at] ?? ""));
}
