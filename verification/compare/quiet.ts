import type { Side } from './side.ts';
import { CONSUMERS, SERVICES } from './side.ts';

/** What waits for an operator, and so is no sign of work. */
export interface Waits {
  /** Sagas that have not ended, and those of them that wait for an operator. @default 0 */
  readonly sagas?: number;
  readonly stuckSagas?: number;
  /** Keys that are parked. @default 0 */
  readonly parked?: number;
  /** Calls outside of sagas and workflows, and workflows. @default 0 */
  readonly stuckCalls?: number;
  readonly stuckWorkflows?: number;
  /** A consumer that is paused, and may lag. @default none */
  readonly paused?: string;
}

type Listed = readonly Readonly<Record<string, unknown>>[];

/**
 * Waits until nothing happens any more: nothing is open but `waits`, every event is published and read, and two looks in
 * succession saw the same. It asks as an operator does, by commands.
 */
export async function untilQuiet(side: Side, what: string, waits: Waits = {}): Promise<void> {
  let seen = 'nothing';
  try {
    await side.until(what, async () => {
      const before = seen;
      const { open, moved } = await look(side, waits);
      seen = JSON.stringify({ open, moved });
      return open.length === 0 && seen === before;
    });
  } catch (error) {
    throw new Error(`${side.name} does not come to rest: ${what}. Last seen: ${seen}`, { cause: error });
  }
}

async function look(side: Side, waits: Waits): Promise<{ open: string[]; moved: unknown }> {
  const list = async (name: (typeof SERVICES)[number], ...args: string[]): Promise<Listed> =>
    (await side.command(name, args)) as Listed;
  const open: string[] = [];
  const expect = (of: string, found: number, wanted = 0): void => {
    if (found !== wanted) open.push(`${found} ${of}, not ${wanted}`);
  };
  const countIn = (rows: Listed, ...states: string[]): number =>
    rows.filter(({ state }) => states.includes(String(state))).length;
  const sagas = await list('orders', 'saga', 'list', '--limit', '1000');
  const ended = countIn(sagas, 'completed', 'compensated');
  expect('open sagas', sagas.length - ended, waits.sagas ?? waits.stuckSagas);
  expect('stuck sagas', countIn(sagas, 'stuck'), waits.stuckSagas);
  // Further commands cost the machine more than they say while sagas run.
  if (open.length > 0) return { open, moved: ended };
  const calls = (await list('payments', await side.callNoun(), 'list')).filter(
    ({ call, effect }) => (call ?? effect) === 'press.stamp',
  );
  expect('stuck calls', countIn(calls, 'stuck'), waits.stuckCalls);
  expect('open calls', calls.length, waits.stuckCalls);
  const workflows = await list('delivery', 'workflow', 'list');
  expect('stuck workflows', countIn(workflows, 'stuck'), waits.stuckWorkflows);
  expect('open workflows', workflows.length, waits.stuckWorkflows);
  const ends: unknown[] = [];
  const joined = new Set<unknown>();
  let parked = 0;
  for (const name of SERVICES) {
    const { backlog } = (await side.command(name, ['outbox', 'stats'])) as { backlog: number };
    expect(`events of ${name} that are not published`, backlog);
    for (const { consumer, topic, partition, lag, logEnd, parkedKeys } of await list(
      name,
      'consumers',
      'list',
    )) {
      if (Number(lag) !== 0 && consumer !== waits.paused)
        open.push(`${name} lags by ${String(lag)} in ${String(topic)}/${String(partition)}`);
      ends.push(logEnd);
      joined.add(consumer);
      parked += Number(parkedKeys);
    }
  }
  expect('parked keys', parked, waits.parked);
  // The observer of sagas is one, too. A consumer that has not joined has no lag.
  expect('consumers', joined.size, CONSUMERS.length + 1);
  return { open, moved: [sagas.length, ends, side.director.requests] };
}
