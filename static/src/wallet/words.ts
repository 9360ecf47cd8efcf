// Sentences for people, from the hidden list that templates/wallets/words.html writes in the
// reader's language: <span data-code="wrong-password">…</span> with %(name)s for what varies.

/** The sentence for a code, with its parameters filled in. */
export function say(code: string, parameters: Record<string, string | number | bigint> = {}): string {
  const list = document.querySelector<HTMLTemplateElement>("#wallet-words");
  const sentence = list?.content.querySelector(`[data-code="${CSS.escape(code)}"]`)?.textContent;
  if (!sentence) throw new Error(`templates/wallets/words.html has no sentence for “${code}”`);
  return sentence
    .trim()
    .replace(/%\((\w+)\)s/g, (_whole, name: string) => String(parameters[name] ?? ""));
}
