/** `epoch.tick.id`, on the wire followed by the tick's nonce, which is no part of the order. */
export interface ParsedPosition {
  /** The position as text, without the nonce. */
  readonly text: string;
  readonly epoch: number;
  readonly tick: number;
  readonly id: number;
}

/** The position before the first event of a partition. */
export const start = '1.0.0';

const form = /^((\d+)\.(\d+)\.(\d+))(?:\.([0-9a-f]{16}))?$/;

export function parsePosition(text: string | undefined): ParsedPosition | undefined {
  const found = form.exec(text ?? '');
  if (found === null) return undefined;
  const [, plain = '', epoch, tick, id] = found;
  return { text: plain, epoch: Number(epoch), tick: Number(tick), id: Number(id) };
}

export function compare(a: ParsedPosition, b: ParsedPosition): number {
  return a.epoch - b.epoch || a.tick - b.tick || a.id - b.id;
}
