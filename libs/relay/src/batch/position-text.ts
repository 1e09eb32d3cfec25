import { formatPosition, type Position } from '@convergekit/contracts/engine';

/** A position as bytes, written over again for each event: the next `ce_prev` of a partition. */
export class PositionText {
  readonly bytes = Buffer.alloc(80);
  length = 0;

  /** Copies from other bytes. */
  set(source: Buffer, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.bytes[at - from] = source[at] ?? 0;
    this.length = to - from;
  }

  setTo(position: Position): void {
    this.length = this.bytes.write(formatPosition(position), 'latin1');
  }

  toString(): string {
    return this.bytes.toString('latin1', 0, this.length);
  }
}
