// The choice after how many minutes without a person the wallet locks, wherever a page offers it.
import { chooseLockMinutes, lockMinutes } from "./autolock";
import { onPage } from "./pages";

onPage("#lock-minutes", (root) => {
  const select = root as HTMLSelectElement;
  select.value = String(lockMinutes());
  select.addEventListener("change", () => chooseLockMinutes(Number(select.value)));
});
