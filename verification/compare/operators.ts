import { untilQuiet } from './quiet.ts';
import type { Act, Order } from './script.ts';
import type { Side } from './side.ts';

const order = (id: string, sku = 'cup'): Order => ({ id: `c-${id}`, sku, cents: 500 });
const because = ['--reason', 'a test'];

/**
 * The scenes of operators: what they do about what lasts. Each begins and ends when all is quiet, so that nothing races with
 * an act.
 */
export const scenes: Readonly<Record<string, (side: Side) => Promise<void>>> = {
  'dead-letters': deadLetters,
  'parked-notes': parkedNotes,
  'stuck-calls': stuckCalls,
  'stuck-steps': stuckSteps,
  pauses,
  crates,
  drift,
};

async function place(side: Side, of: Order, moment?: string, always?: Act): Promise<void> {
  if (moment !== undefined && always !== undefined) side.director.plan([{ moment, key: of.id, always }]);
  await side.request('orders', 'place', of.id, of);
}

/** Acts on the parked event of a key. */
async function parked(
  side: Side,
  service: 'orders' | 'payments',
  [act, key]: readonly ['retry' | 'skip' | 'edit', string],
  ...more: readonly string[]
): Promise<void> {
  const listed = await side.command(service, ['parked', 'list', '--key', key]);
  const found = (listed as { id: string; state: string }[]).find(({ state }) => /dead|waiting/.test(state));
  if (found === undefined) throw new Error(`${side.name}: nothing of ${key} is parked in ${service}`);
  await side.text(service, ['parked', act, found.id, ...more, ...because, '--yes']);
}

/** An event that took no effect for a bug is retried; another one is skipped. */
async function deadLetters(side: Side): Promise<void> {
  for (const id of ['retried', 'skipped']) await place(side, order(id), 'points', 'bug');
  await untilQuiet(side, 'two dead letters', { parked: 2 });
  side.director.fix('points', 'c-retried');
  await parked(side, 'payments', ['retry', 'c-retried'], '--after-compensation');
  await parked(side, 'payments', ['skip', 'c-skipped']);
  await untilQuiet(side, 'the dead letters');
}

/** The second line of each customer fails: the lines behind it wait, and follow it in their order. */
async function parkedNotes(side: Side): Promise<void> {
  const acts: Readonly<Record<string, Act>> = { waits: 'network', dies: 'bug', edited: 'bug' };
  for (const [name, always] of Object.entries(acts)) {
    side.director.plan([{ moment: 'note', key: `c-${name}-2`, always }]);
    for (const line of [1, 2, 3, 4])
      await side.request('orders', 'note', `c-${name}-${line}`, { customer: `c-${name}`, line });
  }
  await untilQuiet(side, 'three customers behind a line that fails', { parked: 3 });
  side.director.fix('note', 'c-waits-2');
  side.director.fix('note', 'c-edited-2');
  await parked(side, 'orders', ['retry', 'c-waits']);
  await parked(side, 'orders', ['skip', 'c-dies']);
  const payload = JSON.stringify({ customer: 'c-edited', line: 22 });
  await parked(side, 'orders', ['edit', 'c-edited'], '--payload', payload);
  await parked(side, 'orders', ['retry', 'c-edited'], '--after-compensation');
  await untilQuiet(side, 'the lines of the customers');
}

/** A call that must not be repeated, and whose answer is lost: an operator states its outcome. */
async function stuckCalls(side: Side): Promise<void> {
  await place(side, order('stamped', 'stamped'), 'press.stamp', 'lost');
  await place(side, order('unstamped', 'stamped'), 'press.stamp', 'unreached');
  await untilQuiet(side, 'two calls of an unknown outcome', { stuckCalls: 2 });
  const noun = await side.callNoun();
  const calls = (await side.command('payments', [noun, 'list'])) as { id: string; key: string }[];
  for (const { id, key } of calls) {
    const outcome = key === 'c-stamped' ? ['--succeeded', '{"receipt":"seen"}'] : ['--failed', 'NOT_THERE'];
    await side.text('payments', [noun, 'resolve', id, ...outcome, ...because, '--yes']);
  }
  await untilQuiet(side, 'the stamps');
}

async function sagaOf(side: Side, key: string): Promise<{ instance: string; state: string }> {
  const listed = await side.command('orders', ['saga', 'list', '--key', key]);
  const [found] = listed as { instance: string; state: string }[];
  if (found === undefined) throw new Error(`${side.name}: no saga of ${key}`);
  return found;
}

/** Steps behind the pivot that are given up, and an undo that cannot be done. */
async function stuckSteps(side: Side): Promise<void> {
  await place(side, order('file-retried'), 'file', 'bug');
  await place(side, order('file-stated'), 'file', 'bug');
  await place(side, order('charge-stays', 'anvil'), 'bank.charge.undo', 'irreversible');
  // An undo that is refused is retried, and shown as stuck after 15 minutes.
  const refused = (): boolean => side.director.reached.has('bank.charge.undo c-charge-stays');
  await side.until('the undo that is refused', refused);
  await untilQuiet(side, 'three sagas that wait for an operator', { sagas: 3, stuckSagas: 2, parked: 2 });
  side.director.fix('file', 'c-file-retried');
  const act = async (word: string, key: string, step: string, ...more: string[]): Promise<void> => {
    const { instance } = await sagaOf(side, key);
    await side.text('payments', ['saga', word, instance, step, ...more, ...because, '--yes']);
  };
  await act('retry', 'c-file-retried', 'file');
  const stated = ['--sagas', './program/events.ts', '--event', 'order.filed'];
  await act('resolve', 'c-file-stated', 'file', ...stated, '--data', JSON.stringify(order('file-stated')));
  await act('resolve', 'c-charge-stays', 'charge', '--effect-stays');
  await untilQuiet(side, 'the sagas that waited');
}

/** A paused saga holds its calls and undos, also of an order that is cancelled. A paused consumer holds its events. */
async function pauses(side: Side): Promise<void> {
  await side.text('payments', ['saga', 'pause', 'buy', ...because]);
  for (const id of ['held', 'cancelled']) await place(side, order(id));
  await untilQuiet(side, 'two sagas that are paused', { sagas: 2 });
  await side.request('orders', 'cancel', 'c-cancelled', order('cancelled'));
  const isCancelled = async (): Promise<boolean> =>
    (await sagaOf(side, 'c-cancelled')).state === 'compensating';
  await side.until('the paused saga to be cancelled', isCancelled);
  await untilQuiet(side, 'two sagas that are paused, one of them cancelled', { sagas: 2 });
  await side.text('payments', ['saga', 'resume', 'buy', ...because]);
  await untilQuiet(side, 'the resumed sagas');
  await side.text('payments', ['consumers', 'pause', 'points', ...because]);
  await place(side, order('behind-a-pause'));
  await untilQuiet(side, 'the saga beside a paused consumer', { paused: 'points' });
  await side.text('payments', ['consumers', 'resume', 'points', ...because, '--yes']);
  await untilQuiet(side, 'the resumed consumer');
}

/** A process dies within a workflow, which is undone; another one cannot be undone as a whole. */
async function crates(side: Side): Promise<void> {
  side.director.plan([
    { moment: 'box.seal', key: 'c-killed', once: ['kill-late'] },
    { moment: 'box.seal', key: 'c-stays', always: 'refuse' },
    { moment: 'box.open.undo', key: 'c-stays', always: 'irreversible' },
  ]);
  await side.request('delivery', 'crate', 'c-killed', {});
  await untilQuiet(side, 'the workflow of a process that died');
  await side.request('delivery', 'crate', 'c-stays', {});
  await untilQuiet(side, 'a workflow that waits for an operator', { stuckWorkflows: 1 });
  const outcome = ['workflow', 'resolve', 'crate', 'c-stays', '--effect-stays'];
  await side.text('delivery', [...outcome, ...because, '--yes']);
  await untilQuiet(side, 'the workflow that waited');
}

/** Copies of orders that drifted, and one of an order that there never was; a run is asked for after a pause. */
async function drift(side: Side): Promise<void> {
  for (const id of ['copied', 'drifted', 'off-by-one']) await place(side, order(id));
  await untilQuiet(side, 'the orders that are copied');
  await side.rows(
    'delivery',
    `insert into copies values ('c-copied', 500, 1), ('c-drifted', 7, 1), ('c-off-by-one', 501, 1), ('c-nothing', 9, 1)`,
  );
  await side.text('delivery', ['reconcile', 'pause', 'copies', ...because]);
  await side.text('delivery', ['reconcile', 'resume', 'copies', ...because]);
  await side.text('delivery', ['reconcile', 'run', 'copies', '--now']);
  const left = `select from copies where id in ('c-drifted', 'c-off-by-one') and cents <> 500`;
  const repaired = async (): Promise<boolean> => (await side.rows('delivery', left)).length === 0;
  await side.until('the copies to be repaired', repaired);
  await untilQuiet(side, 'the end of the run');
}
