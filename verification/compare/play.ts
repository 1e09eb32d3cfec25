import { operate } from './operators.ts';
import { untilQuiet } from './quiet.ts';
import { drawPart, type Part } from './script.ts';
import type { Side } from './side.ts';

export interface PlayOptions {
  readonly seed: number;
  /** Orders in each of the drawn parts. */
  readonly size: number;
  readonly say: (line: string) => void;
}

/** Plays the whole script on a side: failures that pass, then kills as well, then what needs operators. */
export async function play(side: Side, { seed, size, say }: PlayOptions): Promise<void> {
  await playPart(side, drawPart(seed, 'a', { size, kills: false }));
  say(`part a is quiet after ${side.director.requests} requests`);
  await playPart(side, drawPart(seed + 1_000_000, 'b', { size, kills: true }));
  say(`part b is quiet after ${side.director.kills} kills`);
  await operate(side);
  say('part c, with operators, is quiet');
}

async function playPart(side: Side, { orders, notes, boxes, faults }: Part): Promise<void> {
  side.director.plan(faults);
  const inOrder = async (): Promise<void> => {
    for (const note of notes) await side.request('orders', 'note', `${note.customer}-${note.line}`, note);
  };
  await Promise.all([
    ...orders.map((order) => side.request('orders', 'place', order.id, order)),
    ...boxes.map((box) => side.request('delivery', 'box', box, {})),
    inOrder(),
  ]);
  await untilQuiet(side, 'the orders, the notes and the workflows of a part');
}
