// Locks by itself: after some minutes without a person, when the page was hidden for long, when the
// page is left, and when another tab was locked by hand.
import { onLockedElsewhere } from "../other_tabs";
import { anyUnlocked, lock, onLockChange } from "./session";

const KEY = "satchel.lock-minutes";
export const LOCK_MINUTES = [1, 5, 15, 60];
const DEFAULT_MINUTES = 5;
const HIDDEN_MINUTES = 5; // at most, whatever was chosen
const MINUTE = 60_000;
const LOOK_MILLISECONDS = 1000;
const SIGNS_OF_LIFE = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"];

/** What the person chose; minutes. */
export function lockMinutes(): number {
  try {
    const chosen = Number(localStorage.getItem(KEY));
    return LOCK_MINUTES.includes(chosen) ? chosen : DEFAULT_MINUTES;
  } catch (error) {
    if (error instanceof DOMException) return DEFAULT_MINUTES; // storage is blocked
    throw error;
  }
}

export function chooseLockMinutes(minutes: number): void {
  try {
    localStorage.setItem(KEY, String(minutes));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
  }
}

/** Time passed, also while the machine slept, and however somebody sets its clock back. */
class Since {
  private wall = Date.now();
  private steady = performance.now();

  restart(): void {
    this.wall = Date.now();
    this.steady = performance.now();
  }

  get milliseconds(): number {
    return Math.max(Date.now() - this.wall, performance.now() - this.steady);
  }
}

export function installAutolock(): void {
  const active = new Since();
  let hidden: Since | undefined;
  let timer: number | undefined;

  const look = (): void => {
    const limit = lockMinutes() * MINUTE;
    const hiddenFor = hidden?.milliseconds ?? 0;
    if (active.milliseconds >= limit || hiddenFor >= Math.min(limit, HIDDEN_MINUTES * MINUTE)) lock();
  };

  onLockChange(() => {
    clearInterval(timer);
    active.restart();
    if (anyUnlocked()) timer = setInterval(look, LOOK_MILLISECONDS);
  });
  const onLife = (): void => {
    look(); // the first movement after a long sleep comes too late
    active.restart();
  };
  for (const sign of SIGNS_OF_LIFE) {
    document.addEventListener(sign, onLife, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => {
    look();
    hidden = document.hidden ? new Since() : undefined;
  });
  window.addEventListener("pagehide", lock); // also into the back/forward cache
  onLockedElsewhere(lock);
}
