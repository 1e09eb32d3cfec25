/** `epoch.tick.id`, on the wire followed by the tick's nonce, which is no part of the order. */
export interface ParsedPosition {
  /** The position as text, without the nonce. */
  readonly text: string;
  readonly epoch: number;
  readonly tick: number;
  readonly id: number;
}

/** The position before the first event of a partition. */
const start = '1.0.0';

const form = /^((\d+)\.(\d+)\.(\d+))(?:\.([0-9a-f]{16}))?$/;

export function parsePosition(text: string | undefined): ParsedPosition | undefined {
  const found = form.exec(text ?? '');
  if (found === null) return undefined;
  const [, plain = '', epoch, tick, id] = found;
  return { text: plain, epoch: Number(epoch), tick: Number(tick), id: Number(id) };
}

function compare(a: ParsedPosition, b: ParsedPosition): number {
  return a.epoch - b.epoch || a.tick - b.tick || a.id - b.id;
}

/** The maximum of records in a produce request: a batch with a lost answer repeats no more. */
const BATCH_RECORDS = 10_000;

/** The place in this partition where a relay began to lead. */
export interface Beginning {
  readonly atMs: number;
  readonly cursor: string;
}

export type Repeat = 'none' | 'going_on' | 'from_cursor' | 'of_batch' | 'unexplained';

/**
 * The records of one partition of a topic, in sequence. First occurrences form a line of rising positions; a repeat
 * returns to a place in that line and follows it from there.
 */
export class PartitionLog {
  readonly #beginnings: readonly Beginning[];
  readonly #ticks: number[] = [];
  readonly #ids: number[] = [];
  readonly #epochs: number[] = [];
  #tail: ParsedPosition | undefined;
  /** Place in the line of the record before. */
  #at = -1;
  #next = 0;
  #run = 0;

  /** Beginnings in order of time. */
  constructor(beginnings: readonly Beginning[]) {
    this.#beginnings = beginnings;
  }

  /** Position of the last first occurrence. */
  get tail(): string {
    return this.#tail?.text ?? start;
  }

  /** The number of consecutive repeats, including the last record. */
  get run(): number {
    return this.#run;
  }

  /** Appends a first occurrence; false when its position is not above the previous one. */
  append(position: ParsedPosition): boolean {
    this.#run = 0;
    const rising = this.#tail === undefined || compare(position, this.#tail) > 0;
    // A position out of line would break the search; the fault was reported already.
    if (!rising) return false;
    this.#ticks.push(position.tick);
    this.#ids.push(position.id);
    this.#at = this.#epochs.push(position.epoch) - 1;
    this.#tail = position;
    return true;
  }

  /** A record that was there before: where this run of repeats comes from. */
  repeat(position: ParsedPosition, appendedAtMs: number): Repeat {
    const place = this.#find(position);
    this.#run = place === this.#at + 1 ? this.#run + 1 : 1;
    if (place === undefined) return 'unexplained';
    const goingOn = place === this.#at + 1;
    this.#at = place;
    if (goingOn) return 'going_on';
    const before = place === 0 ? start : this.#textAt(place - 1);
    if (this.#cursorAt(appendedAtMs) === before) return 'from_cursor';
    return this.#ticks.length - place <= BATCH_RECORDS ? 'of_batch' : 'unexplained';
  }

  /** The cursor with which the last takeover before that time began. */
  #cursorAt(ms: number): string | undefined {
    while ((this.#beginnings[this.#next]?.atMs ?? Number.POSITIVE_INFINITY) <= ms) this.#next += 1;
    return this.#beginnings[this.#next - 1]?.cursor;
  }

  #textAt(place: number): string {
    return `${this.#epochs[place] ?? 0}.${this.#ticks[place] ?? 0}.${this.#ids[place] ?? 0}`;
  }

  #find({ epoch, tick, id }: ParsedPosition): number | undefined {
    let low = 0;
    let high = this.#ticks.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const order =
        epoch - (this.#epochs[middle] ?? 0) ||
        tick - (this.#ticks[middle] ?? 0) ||
        id - (this.#ids[middle] ?? 0);
      if (order === 0) return middle;
      if (order > 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }
}
