// BIP39's lists of words in each language.
import packed from "word-lists";

import { type Language, LANGUAGES } from "../protocol";

const lists = new Map<Language, readonly string[]>();

function unpacked(text: string): string[] {
  let previous = "";
  return Array.from(text.matchAll(/(\d)(\D+)/g), ([, shared, rest = ""]) => {
    previous = previous.slice(0, Number(shared)) + rest;
    return previous;
  });
}

/** A word or words as BIP39 compares and hashes them, however they were typed. */
export function normalised(text: string): string {
  return text.toLowerCase().normalize("NFKD").trim().split(/\s+/u).join(" ");
}

/** The 2048 words, normalised. */
export function wordsOf(language: Language): readonly string[] {
  const known = lists.get(language);
  if (known) return known;
  const words = unpacked(packed[language]).map((word) => word.normalize("NFKD"));
  lists.set(language, words);
  return words;
}

/** The first words that begin so, as they are written. */
export function completions(prefix: string, language: Language, limit: number): string[] {
  const start = normalised(prefix);
  const matches = wordsOf(language).filter((word) => word.startsWith(start));
  return matches.slice(0, limit).map((word) => word.normalize("NFC"));
}

/** The languages whose list has every one of these words. */
export function languagesOf(words: readonly string[]): Language[] {
  return LANGUAGES.filter((language) => {
    const list = new Set(wordsOf(language));
    return words.every((word) => list.has(word));
  });
}

/** The language whose list has the most of these words: the earlier one of equals. */
export function nearestLanguage(words: readonly string[]): Language {
  const known = (language: Language): number => {
    const list = new Set(wordsOf(language));
    return words.filter((word) => list.has(word)).length;
  };
  return LANGUAGES.reduce((best, next) => (known(next) > known(best) ? next : best));
}
