import { compare, type ParsedPosition, start } from './position.ts';

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
  #ticks = new Float64Array(256);
  #ids = new Float64Array(256);
  #epochs = new Uint16Array(256);
  #count = 0;
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
    this.#grow();
    this.#ticks[this.#count] = position.tick;
    this.#ids[this.#count] = position.id;
    this.#epochs[this.#count] = position.epoch;
    this.#tail = position;
    this.#at = this.#count;
    this.#count += 1;
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
    return this.#count - place <= BATCH_RECORDS ? 'of_batch' : 'unexplained';
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
    let high = this.#count - 1;
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

  #grow(): void {
    if (this.#count < this.#ticks.length) return;
    this.#ticks = larger(this.#ticks, new Float64Array(this.#count * 2));
    this.#ids = larger(this.#ids, new Float64Array(this.#count * 2));
    this.#epochs = larger(this.#epochs, new Uint16Array(this.#count * 2));
  }
}

function larger<A extends Float64Array | Uint16Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
