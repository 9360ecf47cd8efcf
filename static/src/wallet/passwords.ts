// Two fields for a new password and the hint of how strong it is.
import { FieldError, need } from "./forms";
import { onPage } from "./pages";
import { PASSWORD_MINIMUM } from "./protocol";
import { say } from "./words";

const FAIR_BITS = 45;
const STRONG_BITS = 80;
const POOLS: [RegExp, number][] = [
  [/[a-z]/, 26],
  [/[A-Z]/, 26],
  [/[0-9]/, 10],
  [/[^a-zA-Z0-9]/, 33],
];

/** 0 for none, 1 weak, 2 fair, 3 strong: a guess from its length and its different characters. */
export function strength(password: string): 0 | 1 | 2 | 3 {
  const characters = [...password];
  if (characters.length === 0) return 0;
  const pool = POOLS.reduce((sum, [has, size]) => sum + (has.test(password) ? size : 0), 0);
  const different = Math.min(characters.length, 2 * new Set(characters).size); // "aaaaaaaa" counts as two
  const bits = different * Math.log2(pool);
  if (characters.length < PASSWORD_MINIMUM || bits < FAIR_BITS) return 1;
  return bits < STRONG_BITS ? 2 : 3;
}

/** The password that was chosen. Raises FieldError: too short, or typed differently. */
export function chosenPassword(form: HTMLFormElement): string {
  const password = need<HTMLInputElement>(form, "[data-new-password] [name=password]").value;
  const again = need<HTMLInputElement>(form, "[data-new-password] [name=again]").value;
  if ([...password].length < PASSWORD_MINIMUM) {
    throw new FieldError("password", say("password_short", { minimum: PASSWORD_MINIMUM }));
  }
  if (password !== again) throw new FieldError("again", say("passwords-differ"));
  return password;
}

onPage("[data-new-password]", (root) => {
  const input = need<HTMLInputElement>(root, "[name=password]");
  input.addEventListener("input", () => {
    const level = strength(input.value);
    need<HTMLMeterElement>(root, "meter").value = level;
    for (const hint of root.querySelectorAll<HTMLElement>("[data-strength]")) {
      hint.hidden = Number(hint.dataset.strength) !== level;
    }
  });
});
