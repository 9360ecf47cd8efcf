// Which words a person is asked for again.

/** Some positions from 1 to `count`, in order. */
export function somePositions(count: number, wanted: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < wanted) {
    const [value] = crypto.getRandomValues(new Uint32Array(1));
    chosen.add(((value ?? 0) % count) + 1); // the bias of a remainder by 24 does not matter here
  }
  return [...chosen].sort((one, other) => one - other);
}
