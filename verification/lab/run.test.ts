import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '@convergekit/core';
import { afterEach, expect, it } from 'vitest';
import type { Check } from '../checker/check.ts';
import { History } from './progress.ts';
import type { Plan } from './plan.ts';
import { report } from './report.ts';
import { type Outcome, runLab } from './run.ts';
import type { LabRun } from './spec.ts';
import { type Fault, fault, type Load, type Part } from './types.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** A clock on which waiting takes no time. */
function quickClock(): Clock {
  let now = 1_000_000;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: async (ms, signal) => {
      await Promise.resolve();
      if (signal?.aborted !== true) now += Math.min(ms, 60_000);
    },
  };
}

interface Changes extends Partial<Pick<LabRun, 'plan' | 'mayStayOpen' | 'warmUp'>> {
  readonly part?: Partial<Part>;
  readonly checks?: readonly Check[];
}

const fine: Check = { claim: 'fine', looked: 1, findings: [] };

async function run({ part = {}, checks = [fine], plan, ...changes }: Changes) {
  const folder = mkdtempSync(join(tmpdir(), 'converge-lab-'));
  folders.push(folder);
  const clock = quickClock();
  const notes: string[] = [];
  const loads: Load[] = [];
  const only: Part = {
    targets: { providerUrl: 'http://provider' },
    start: () => Promise.resolve(),
    load: (load, _, signal) => {
      loads.push(load);
      return clock.sleep(load.kind === 'rate' ? load.seconds * 1_000 : 20_000, signal);
    },
    status: () => 'at work',
    look: () => Promise.resolve({ waitingFor: undefined, open: 0, read: 0 }),
    judge: () => Promise.resolve({ checks, figures: [['figure', '7']] }),
    ...part,
  };
  const outcome = await runLab({
    seed: 1,
    folder,
    clock,
    history: new History(folder),
    signal: new AbortController().signal,
    progress: { note: (text) => void notes.push(text), status: () => undefined, end: () => undefined },
    defer: () => undefined,
    parts: [only],
    load: { kind: 'rate', perSecond: 1, seconds: 10 },
    plan: plan ?? { kind: 'deck', faults: [], everyMs: [1, 1] },
    ...changes,
  });
  return { outcome, notes, loads, history: readFileSync(join(folder, 'history.jsonl'), 'utf8') };
}

const failed = ({ checks }: Outcome): readonly string[] => checks.flatMap(({ findings }) => findings);
const script = (...faults: readonly Fault[]): Plan => ({
  kind: 'script',
  scenes: faults.map((one) => ({ at: 0, fault: one })),
});

it('a run without faults and findings agrees, and its report has figures and claims', async () => {
  const { outcome } = await run({});
  expect(outcome).toMatchObject({ judgement: 'agrees', settled: true });
  expect(report(outcome)).toContain('  figure  7');
  expect(report(outcome)).toContain('  ok    fine (1 looked at, 0 wrong)');
});

it('a fault is caused, held and repaired, and asked about until all works again', async () => {
  const did: string[] = [];
  const one = fault({
    name: 'test-fault',
    about: 'a fault',
    needs: ['providerUrl'],
    holdMs: [500, 500],
    inject: ({ providerUrl }) => {
      did.push(`caused at ${providerUrl}`);
      return Promise.resolve({ what: 'hit', repair: () => did.push('repaired') });
    },
  });
  let asked = 0;
  const live = () => async () => Promise.resolve((asked += 1) < 4 ? 'not yet' : undefined);
  const { outcome, history } = await run({ plan: script(one), part: { live } });
  expect(did).toEqual(['caused at http://provider', 'repaired']);
  expect(outcome.faults).toEqual(new Map([['test-fault', 1]]));
  expect(outcome.recoveries.map(({ kind }) => kind)).toEqual(['test-fault', 'the end']);
  expect(outcome.judgement).toBe('agrees');
  const events = history
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { event: string }).event);
  expect(events).toEqual(['begin', 'fault', 'repaired', 'live', 'live', 'end']);
});

it('a system that does not work again in time fails the run, and its load ends', async () => {
  let loaded: AbortSignal | undefined;
  const one = fault({
    name: 'test-fault',
    about: 'a fault',
    needs: [],
    inject: () => Promise.resolve({ what: 'hit' }),
  });
  const { outcome } = await run({
    plan: script(one),
    part: {
      live: () => () => Promise.resolve('an event is not published'),
      load: (_load, _seeded, signal) => {
        loaded = signal;
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
      },
    },
  });
  expect(loaded?.aborted).toBe(true);
  expect(outcome.judgement).toBe('disagrees');
  expect(failed(outcome)).toEqual(['after test-fault: an event is not published']);
});

it('a fault that cannot be caused fails the run, and one whose target no workload has is skipped', async () => {
  const broken = fault({
    name: 'test-broken',
    about: 'a fault',
    needs: [],
    inject: () => Promise.reject(new Error('no way')),
  });
  expect(failed((await run({ plan: script(broken) })).outcome)).toEqual([
    'test-broken could not be caused or repaired: no way',
  ]);
  const other = fault({
    name: 'test-other',
    about: 'a fault',
    needs: ['kafka'],
    inject: () => Promise.reject(new Error()),
  });
  const { outcome, notes } = await run({ plan: script(other) });
  expect(outcome.faults.size).toBe(0);
  expect(notes).toContain('test-other: skipped, without kafka');
});

it('a fault that finds nothing to hit is skipped and not counted', async () => {
  const idle = fault({
    name: 'test-idle',
    about: 'a fault',
    needs: [],
    inject: () => Promise.resolve(undefined),
  });
  const { outcome, notes } = await run({ plan: script(idle) });
  expect(outcome.faults.size).toBe(0);
  expect(notes).toContain('test-idle: skipped, nothing that it can hit');
});

it('open work at the end is a finding, or a judgement of its own where that was said', async () => {
  const look = () => Promise.resolve({ waitingFor: '3 orders are open', open: 3, read: 0 });
  const strict = await run({ part: { look } });
  expect(strict.outcome.judgement).toBe('disagrees');
  expect(failed(strict.outcome)).toEqual(['3 orders are open']);
  const open = await run({ part: { look }, mayStayOpen: true });
  expect(open.outcome.judgement).toBe('not_settled');
});

it('the judge reads again when something changed while it read', async () => {
  let read = 0;
  const look = () => Promise.resolve({ waitingFor: undefined, open: 0, read: Math.min(read, 2) });
  const judge = () => {
    read += 1;
    return Promise.resolve({ checks: [fine], figures: [['round', String(read)] as const] });
  };
  const { outcome } = await run({ part: { look, judge } });
  expect(outcome.settled).toBe(true);
  expect(outcome.figures).toEqual([['round', '3']]);
});

it('a load whose rate has to fit begins with warm processes, at a third of what they carried', async () => {
  const { loads } = await run({ warmUp: { orders: 30 } });
  expect(loads).toEqual([
    { kind: 'count', counts: { orders: 30 }, atOnce: 8, from: -30 },
    { kind: 'rate', perSecond: 0.5, seconds: 10 },
  ]);
});
