import { type Cursor, formatCursor } from '../cursor/cursor.ts';

/** A position as bytes, written over again for each event: the next `ce_prev` of a partition. */
export class PositionText {
  readonly bytes = Buffer.alloc(80);
  length = 0;

  /** Copies from other bytes. */
  set(source: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.bytes[at - from] = source[at] ?? 0;
    this.length = to - from;
  }

  setTo(cursor: Cursor): void {
    this.length = this.bytes.write(formatCursor(cursor), 'latin1');
  }

  toString(): string {
    return this.bytes.toString('latin1', 0, this.length);
  }
}
