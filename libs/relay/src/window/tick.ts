/** A Postgres snapshot in numbers: all below `xmin` ended, none from `xmax` on had, `xip` ran between. */
export interface Snapshot {
  readonly text: string;
  readonly xmin: bigint;
  readonly xmax: bigint;
  /** The xids as a Postgres array literal, ready to be bound as `xid8[]`. */
  readonly xip: string;
  readonly running: ReadonlySet<bigint>;
}

/** A row of converge.tick. */
export interface Tick {
  readonly number: bigint;
  readonly snapshot: Snapshot;
  readonly own: bigint;
  readonly floor: bigint;
  readonly ceil: bigint;
  readonly nonce: string;
  readonly epoch: number;
}

/** The row as the statements return it: everything wider than 32 bits as text. */
export interface TickRow {
  readonly number: string;
  readonly snapshot: string;
  readonly own: string;
  readonly floor: string;
  readonly ceil: string;
  readonly nonce: string;
  readonly epoch: number;
}

export function tickOf(row: TickRow): Tick {
  return {
    number: BigInt(row.number),
    snapshot: parseSnapshot(row.snapshot),
    own: BigInt(row.own),
    floor: BigInt(row.floor),
    ceil: BigInt(row.ceil),
    nonce: row.nonce,
    epoch: row.epoch,
  };
}

/** Parses a snapshot `xmin:xmax:xip,xip,…`. */
export function parseSnapshot(text: string): Snapshot {
  const [xmin, xmax, xip] = text.split(':');
  if (xmin === undefined || xmax === undefined || xip === undefined)
    throw new RangeError(`${JSON.stringify(text)} is not a snapshot: expected xmin:xmax:xip,…`);
  const running = new Set(xip === '' ? [] : xip.split(',').map(BigInt));
  return { text, xmin: BigInt(xmin), xmax: BigInt(xmax), xip: `{${xip}}`, running };
}

/** Decides visibility like `pg_visible_in_snapshot`. */
export function isVisible(xid: bigint, { xmin, xmax, running }: Snapshot): boolean {
  return xid < xmin || (xid < xmax && !running.has(xid));
}

/** Finds the first tick that sees a transaction, by bisection: later snapshots see all that earlier ones saw. */
export function firstToSee(ticks: readonly Tick[], xid: bigint): Tick | undefined {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const tick = ticks[middle];
    if (tick !== undefined && isVisible(xid, tick.snapshot)) high = middle;
    else low = middle + 1;
  }
  return ticks[low];
}

/**
 * Follows the lowest id that a row of a later window can have. A row with id <= floor(m) drew its id before
 * tick m began, so its xid (the first column, drawn before the id) is below own(m); once xmin(S(t)) >= own(m), every
 * such transaction had ended before t, and its rows are in windows up to t. Reads after t may therefore leave out all
 * ids up to floor(m): that prunes the finished children, and closed children with an open writer stay in.
 */
export class LowestId {
  #value: bigint;
  readonly #waiting: Pick<Tick, 'own' | 'floor'>[] = [];

  constructor(from = 1n) {
    this.#value = from;
  }

  get value(): bigint {
    return this.#value;
  }

  /** Ticks in ascending order. */
  pass(tick: Tick): void {
    this.#waiting.push({ own: tick.own, floor: tick.floor });
    // A long transaction delays all of them: of neighbours the newest is kept, which only makes the bound later.
    if (this.#waiting.length > 1_024) this.#waiting.splice(512, 512);
    for (;;) {
      const first = this.#waiting[0];
      if (first === undefined || first.own > tick.snapshot.xmin) return;
      this.#waiting.shift();
      if (first.floor + 1n > this.#value) this.#value = first.floor + 1n;
    }
  }
}
