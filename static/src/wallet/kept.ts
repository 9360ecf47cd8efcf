// What is typed into a form outlives a reload, in this tab alone, until it is kept elsewhere.

type Entry = [name: string, value: string];

/** Remember what stands in the form. Does nothing where the browser keeps nothing for pages. */
export function keep(key: string, form: HTMLFormElement): void {
  const entries = [...new FormData(form)].filter((entry): entry is Entry => typeof entry[1] === "string");
  try {
    sessionStorage.setItem(key, JSON.stringify(entries));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

export function forget(key: string): void {
  try {
    sessionStorage.removeItem(key);
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** What was remembered under this key. */
export function recall(key: string): Entry[] | undefined {
  try {
    const text = sessionStorage.getItem(key);
    return text === null ? undefined : (JSON.parse(text) as Entry[]);
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}

/** Put entries back into the controls of their names, in order; what has no control any more is left out. */
export function refill(form: HTMLFormElement, entries: Entry[]): void {
  const texts = new Map<string, string[]>();
  for (const [name, value] of entries) texts.set(name, [...(texts.get(name) ?? []), value]);
  for (const control of form.elements) {
    if (control instanceof HTMLInputElement && /^(radio|checkbox)$/.test(control.type)) {
      control.checked = (texts.get(control.name) ?? []).includes(control.value);
    } else if (control instanceof HTMLInputElement && control.type === "hidden") {
      continue; // the server's
    } else if (
      control instanceof HTMLInputElement ||
      control instanceof HTMLSelectElement ||
      control instanceof HTMLTextAreaElement
    ) {
      control.value = texts.get(control.name)?.shift() ?? control.value;
    }
  }
}
