import { systemClock } from '@convergekit/core';
import type { Repair } from '../../demo/collect/repairs-sql.ts';
import type { Scene } from '../../demo/faults/script.ts';
import type { Invariant, Scenario, Stage } from '../scenario.ts';
import { type Corruption, corruptAll, corruptions } from './corruption.ts';

/** The stated bound: all is repaired so long after the delayed consumer goes on, in milliseconds. */
const BOUND_MS = 90_000;

/** What a run has done so far: its invariants need it. */
interface Corrupted {
  keys: ReadonlyMap<Corruption, readonly string[]>;
  resumedAt: number;
}

/** Drift of up to `each` keys of every kind. */
export const drift = (each: number): Scenario => ({
  name: 'drift',
  title: 'Databases drift while one consumer is late',
  load: { perSecond: 12, seconds: 70 },
  expectation: [
    `Up to ${each * corruptions.length} keys are corrupted by SQL in ${corruptions.length} ways, under load: ${corruptions.map(({ name }) => name).join('; ')}.`,
    'From then on inventory’s consumer is stopped for half of the time. Orders that end meanwhile differ from their reservations, and are not repaired: their events are on the way.',
    `Every corrupted key is repaired within ${BOUND_MS / 1_000} s after the consumer goes on, and no other key is touched.`,
    'Each repair has an audit row with the state before and after, and why.',
  ],
  play: (stage) => {
    const so: Corrupted = { keys: new Map(), resumedAt: Number.POSITIVE_INFINITY };
    return { scenes: scenesOf(stage, so, each), invariants: invariantsOf(so) };
  },
});

function scenesOf(stage: Stage, so: Corrupted, each: number): readonly Scene[] {
  return [
    { at: 0.5, name: 'inventory’s consumer is stopped', run: () => pause(stage) },
    { at: 0.55, name: 'keys are corrupted by SQL', run: () => corrupt(stage, so, each) },
    { at: 0.95, name: 'inventory’s consumer goes on', run: () => resume(stage, so) },
  ];
}

function invariantsOf(so: Corrupted): readonly Invariant[] {
  const invariant = (claim: string, check: Check): Invariant => ({
    claim,
    check: ({ outcome }) => {
      const results = check(outcome.repairs, so);
      return Promise.resolve({
        looked: results.length,
        wrong: results.filter((message) => message !== undefined),
      });
    },
  });
  return [
    invariant('every corrupted key was repaired', (repairs, { keys }) =>
      each(keys, (key, { reconciler }) =>
        repairs.some((one) => one.reconciler === reconciler && one.key === key)
          ? undefined
          : `${reconciler} did not repair ${key}`,
      ),
    ),
    invariant('no key was repaired whose events were merely late', (repairs, { keys }) => {
      const expected = new Set(
        [...keys].flatMap(([{ reconciler }, some]) => some.map((key) => `${reconciler} ${key}`)),
      );
      return repairs.map(({ reconciler, key, why }) =>
        expected.has(`${reconciler} ${key}`) ? undefined : `${reconciler} repaired ${key}: ${why}`,
      );
    }),
    invariant('every repair says what was before, what after, and why', (repairs) =>
      repairs.map(({ reconciler, key, before, after, why }) =>
        before !== null && after !== null && why !== '' ? undefined : `${reconciler} ${key} lacks one`,
      ),
    ),
    invariant(
      `all was repaired within ${BOUND_MS / 1_000} s after the consumer went on`,
      (repairs, { resumedAt }) =>
        repairs.map(({ reconciler, key, at }) =>
          at - resumedAt <= BOUND_MS ? undefined : `${reconciler} ${key} after ${at - resumedAt} ms`,
        ),
    ),
  ];
}

async function pause({ world }: Stage): Promise<string> {
  world.child('inventory').pause();
  return Promise.resolve('SIGSTOP');
}

async function corrupt({ world, drifted, figure }: Stage, so: Corrupted, each: number): Promise<string> {
  const keys = await corruptAll(world, each);
  so.keys = keys;
  const count = [...keys.values()].reduce((sum, some) => sum + some.length, 0);
  drifted(count);
  for (const [{ name }, some] of keys) figure(`corrupted: ${name}`, `${some.length} keys`);
  return `${count} keys`;
}

async function resume({ world }: Stage, so: Corrupted): Promise<string> {
  world.child('inventory').resume();
  so.resumedAt = systemClock.now();
  return Promise.resolve('SIGCONT');
}

/** Looks at repairs: a message for each one that is wrong. */
type Check = (repairs: readonly Repair[], so: Corrupted) => readonly (string | undefined)[];

function each(
  keys: Corrupted['keys'],
  look: (key: string, corruption: Corruption) => string | undefined,
): readonly (string | undefined)[] {
  return [...keys].flatMap(([corruption, some]) => some.map((key) => look(key, corruption)));
}
