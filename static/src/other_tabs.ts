// What tabs of this site tell each other: that wallets are to be locked, and who has signed out.

const LOCK = "lock";
const SIGNED_OUT = "signed-out";
const LEAVING = ["/account/sign-out", "/account/delete"];

const channel = new BroadcastChannel("satchel.lock");

export function lockOtherTabs(): void {
  channel.postMessage(LOCK);
}

/** Call back when another tab wants all wallets locked. */
export function onLockedElsewhere(listener: () => void): void {
  channel.addEventListener("message", listener);
}

/** Who signs out does so for all tabs; what was typed in them is nobody else's. */
export function installSignOut(): void {
  document.addEventListener("submit", (event) => {
    const { action } = event.target as HTMLFormElement;
    if (!LEAVING.some((path) => action.endsWith(path))) return;
    forgetTyped();
    channel.postMessage(SIGNED_OUT);
  });
  channel.addEventListener("message", ({ data }) => {
    if (data === SIGNED_OUT) forgetTyped();
  });
}

function forgetTyped(): void {
  try {
    sessionStorage.clear();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // storage is blocked
  }
}
