/** The time for which wrong tokens count, in milliseconds. */
const WINDOW_MS = 60_000;
const PER_ADDRESS = 10;
const IN_ALL = 100;

/**
 * Counts wrong tokens, by address and in all. An address with too many is refused until the minute is over, whatever it sends: an
 * answer to a right token would say that it is right. When there are too many in all, addresses from which a right token came
 * before are not refused. Sessions are not concerned.
 */
export class SignInLimit {
  #endsAt = 0;
  #inAll = 0;
  readonly #wrong = new Map<string, number>();
  readonly #known = new Set<string>();

  /** Returns the time for which an address is refused, in milliseconds; 0 where it is not. */
  waitMs(address: string, now: number): number {
    if (now >= this.#endsAt) return 0;
    const isRefused =
      (this.#wrong.get(address) ?? 0) >= PER_ADDRESS || (this.#inAll >= IN_ALL && !this.#known.has(address));
    return isRefused ? this.#endsAt - now : 0;
  }

  wrong(address: string, now: number): void {
    if (now >= this.#endsAt) {
      this.#endsAt = now + WINDOW_MS;
      this.#inAll = 0;
      this.#wrong.clear();
    }
    this.#inAll += 1;
    this.#wrong.set(address, (this.#wrong.get(address) ?? 0) + 1);
  }

  right(address: string): void {
    this.#known.add(address);
  }
}
