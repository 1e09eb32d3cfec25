import { scenes } from './operators.ts';
import { untilQuiet } from './quiet.ts';
import { drawPart, type Part } from './script.ts';
import type { Side } from './side.ts';

export interface PlayOptions {
  readonly seed: number;
  /** Orders in each of the drawn parts. */
  readonly size: number;
  /** Names of parts and scenes, in their order. @default all */
  readonly only?: readonly string[] | undefined;
}

/** Plays the script on a side: failures that pass, then kills as well, then the scenes of operators. */
export async function play(
  side: Side,
  { seed, size, only }: PlayOptions,
  say: (line: string) => void,
): Promise<void> {
  const parts: Readonly<Record<string, (on: Side) => Promise<void>>> = {
    a: () => playPart(side, drawPart(seed, 'a', { size, kills: false })),
    b: () => playPart(side, drawPart(seed + 1_000_000, 'b', { size, kills: true })),
    ...scenes,
  };
  for (const name of only ?? Object.keys(parts)) {
    const perform = parts[name];
    if (perform === undefined) throw new TypeError(`no part ${name}: ${Object.keys(parts).join(', ')}`);
    await perform(side);
    say(`${name} is quiet, after ${side.director.requests} requests and ${side.director.kills} kills`);
  }
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
