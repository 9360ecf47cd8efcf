// Says so where this device's clock and the server's differ: ages and times are then wrong.
import { onPage } from "./pages";

const TOLERATED_SECONDS = 600;

onPage("[data-clock]", (root) => {
  const server = Number(root.dataset.clock);
  root.hidden = Math.abs(Date.now() / 1000 - server) < TOLERATED_SECONDS;
});
