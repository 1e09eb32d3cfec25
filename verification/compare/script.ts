import { seededRandom } from '@convergekit/core';

/**
 * What happens when a service reaches a moment.
 * handlers   network: a transient failure · bug · refuse: a business rejection
 * calls      lost: it took effect, the answer is lost · unreached: it took none, the connection broke · busy: 503 ·
 *            refuse · irreversible: of an undo
 * both       kill: the process gets SIGKILL · kill-late: of a call, after it took effect
 */
export type Act =
  'network' | 'bug' | 'refuse' | 'lost' | 'unreached' | 'busy' | 'irreversible' | 'kill' | 'kill-late';

/** The acts at one moment of one key: `once` in their order, then `always`, until it is fixed. */
export interface Fault {
  readonly moment: string;
  readonly key: string;
  readonly once?: readonly Act[];
  readonly always?: Act;
}

export interface Order {
  readonly id: string;
  readonly sku: string;
  readonly cents: number;
}

/** A part of the script: what is asked of the services, and what goes wrong meanwhile. */
export interface Part {
  readonly orders: readonly Order[];
  readonly notes: readonly { readonly customer: string; readonly line: number }[];
  readonly boxes: readonly string[];
  readonly faults: readonly Fault[];
}

/** Kinds of faults, by moment. None of them decides an outcome: however often it happens, the order ends the same. */
const PASSING: Readonly<Record<string, readonly Act[]>> = {
  reserve: ['network'],
  release: ['network'],
  ship: ['network'],
  file: ['network'],
  points: ['network'],
  'bank.charge': ['lost', 'unreached', 'busy'],
  'bank.charge.undo': ['lost', 'unreached', 'busy'],
  'post.label': ['lost', 'unreached', 'busy'],
  'post.label.undo': ['lost', 'unreached', 'busy'],
};
const ENDS: Readonly<Record<string, { readonly sku?: string; readonly refuses?: string }>> = {
  shipped: {},
  'out of stock': { sku: 'none' },
  'refused by the carrier': { sku: 'anvil' },
  'refused by the bank': { refuses: 'bank.charge' },
  'no label': { refuses: 'post.label' },
  'no points': { refuses: 'points' },
  stamped: { sku: 'stamped' },
};

/** Draws a part: equal seeds give equal parts. Pure. `kills`: processes die at some moments; else none does. */
export function drawPart(
  seed: number,
  name: string,
  { size, kills }: { size: number; kills: boolean },
): Part {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const faults: Fault[] = [];
  const fail = (key: string, moments: readonly string[]): void => {
    const moment = pick(moments);
    const acts = PASSING[moment] ?? ['busy'];
    const once = Array.from({ length: 1 + below(2) }, () => pick(acts));
    faults.push({ moment, key, once: kills && random() < 0.5 ? [killOf(moment, random), ...once] : once });
  };
  const orders = Array.from({ length: size }, (_, index) => {
    const id = `${name}-${index + 1}`;
    // A call that cannot be repeated would be cut off at any kill, and wait for an operator.
    const ends = Object.keys(ENDS).filter((end) => !kills || end !== 'stamped');
    const { sku = 'cup', refuses } = ENDS[random() < 0.4 ? 'shipped' : pick(ends)] ?? {};
    if (refuses !== undefined) faults.push({ moment: refuses, key: id, always: 'refuse' });
    const free = Object.keys(PASSING).filter((moment) => moment !== refuses);
    if (random() < 0.6) fail(id, free);
    return { id, sku, cents: 100 + below(9_900) };
  });
  const customers = [1, 2, 3].map((number) => `${name}-customer-${number}`);
  const notes = customers.flatMap((customer) =>
    [1, 2, 3, 4].map((line) => {
      if (random() < 0.3) faults.push({ moment: 'note', key: `${customer}-${line}`, once: ['network'] });
      return { customer, line };
    }),
  );
  const boxes = [1, 2, 3, 4].map((number) => `${name}-box-${number}`);
  for (const box of boxes) {
    if (random() < 0.3) faults.push({ moment: 'box.seal', key: box, always: 'refuse' });
    else if (random() < 0.7) fail(box, ['box.open', 'box.seal']);
  }
  return { orders, notes, boxes, faults };
}

function killOf(moment: string, random: () => number): Act {
  return moment.includes('.') && random() < 0.5 ? 'kill-late' : 'kill';
}
