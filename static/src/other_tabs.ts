// What tabs of this site tell each other: that wallets are to be locked, everywhere.

const channel = new BroadcastChannel("satchel.lock");

export function lockOtherTabs(): void {
  channel.postMessage("lock");
}

/** Call back when another tab wants all wallets locked. */
export function onLockedElsewhere(listener: () => void): void {
  channel.addEventListener("message", listener);
}

/** Who signs out does so for all tabs. */
export function installSignOut(): void {
  document.addEventListener("submit", (event) => {
    const { action } = event.target as HTMLFormElement;
    if (action.endsWith("/account/sign-out")) lockOtherTabs();
  });
}
