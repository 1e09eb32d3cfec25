import type { Database } from '@convergekit/postgres';
import { BusinessRejection, type Clock } from '@convergekit/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { MemoryJournal } from '../fixture/workflow/memory.ts';
import { workflowOptions, worldStep } from '../fixture/workflow/scene.ts';
import { World, type WorldFault } from '../fixture/workflow/world.ts';
import { defineWorkflow, type WorkflowRecovery, type Unit } from './define-workflow.ts';
import { SagaError } from '../errors.ts';
import { workflows } from './workflows.ts';
import type { AnyWorkflowStep } from './step.ts';
import { verifyWorkflow } from './verify.ts';

/** The actions of a body: steps, and scopes whose failure is caught or not. `throws`: the body fails at its end. */
interface Tree {
  readonly children: readonly (Leaf | (Tree & { readonly caught: boolean }))[];
  readonly throws: boolean;
}
interface Leaf {
  readonly step: 'keyed' | 'plain' | 'unasked' | 'put';
}

const leaf: fc.Arbitrary<Leaf> = fc.record({ step: fc.constantFrom('keyed', 'plain', 'unasked', 'put') });
const { tree } = fc.letrec<{ tree: Tree; scope: Tree & { caught: boolean } }>((tie) => ({
  tree: fc.record({
    children: fc.array(fc.oneof({ maxDepth: 3 }, leaf, tie('scope')), { maxLength: 4 }),
    throws: fc.boolean(),
  }),
  scope: fc.record({
    children: fc.array(fc.oneof({ maxDepth: 3 }, leaf, tie('scope')), { maxLength: 3 }),
    throws: fc.boolean(),
    caught: fc.boolean(),
  }),
}));

type Steps = Record<Leaf['step'], AnyWorkflowStep<{ name: string }, { ref: string }>>;

/** Names are assigned in the order of the steps, so that they are equal each time. */
async function play(unit: Unit<Steps>, { children, throws }: Tree, path = 'n'): Promise<void> {
  for (const [index, child] of children.entries()) {
    const name = `${path}${index}`;
    if ('step' in child) await unit.step(child.step, { name });
    else {
      const inner = unit.scope('scope', (scope) => play(scope, child, `${name}-`));
      await (child.caught ? inner.catch(() => undefined) : inner);
    }
  }
  if (throws) throw new BusinessRejection('the body says no');
}

interface Scene {
  readonly tree: Tree;
  readonly recovery: WorkflowRecovery;
  /** The awaits at which processes die, counted from their start; a frozen one wakes up when the next has begun. */
  readonly kills: readonly { readonly await: number; readonly wakes: boolean }[];
  /** The time after each death, in milliseconds; then an hour each. */
  readonly pauses?: readonly number[];
  /** How far the clock of the database jumps after each death, in milliseconds. */
  readonly jumps?: readonly number[];
  readonly faults?: readonly { readonly call: string; readonly fault: WorldFault }[];
}

/** Runs the body in one process after the other, until it has ended. */
async function live({ tree: body, recovery, kills, pauses = [], jumps = [], faults = [] }: Scene) {
  const journal = new MemoryJournal();
  const world = new World(undefined, undefined, () => journal.now);
  for (const { call, fault } of faults) world.faults.set(call, [...(world.faults.get(call) ?? []), fault]);
  let wake: () => void = () => undefined;
  let outcome: unknown;
  for (let round = 0; round < 200; round += 1) {
    const kill = kills[round];
    const died = Promise.withResolvers<'died'>();
    const zombie = Promise.withResolvers<undefined>();
    let awaits = 0;
    // A process in a call is gone for good: a call still on its way is covered by the settle time.
    const at = (sleeps: Promise<void>) => async (): Promise<void> => {
      awaits += 1;
      if (awaits !== kill?.await) return;
      died.resolve('died');
      await sleeps;
    };
    const executor = journal.connect(at(zombie.promise));
    const workflow = treeWorkflow(new World(world, at(new Promise(() => undefined))), recovery, body);
    const database = { executor, db: undefined } as unknown as Database;
    const { startWorkflow } = workflows([workflow], {
      ...workflowOptions,
      database,
      clock: clockOf(journal),
    });
    const running = startWorkflow(workflow, 't', null).then(
      () => 'completed',
      (error: unknown) => (error instanceof SagaError ? error.code : error),
    );
    wake();
    outcome = await Promise.race([running, died.promise]);
    wake = kill?.wakes === true ? () => zombie.resolve(undefined) : () => undefined;
    if (!AGAIN.has(outcome)) break;
    // The one that has it works on before time passes: else each of its calls takes longer than its lease.
    if (outcome === 'WORKFLOW_BUSY') await new Promise((resolve) => setImmediate(resolve));
    journal.now += pauses[round] ?? 3_600_000;
    journal.aheadMs += jumps[round] ?? 0;
  }
  wake();
  await new Promise((resolve) => setImmediate(resolve));
  world.arrive(Number.POSITIVE_INFINITY);
  return { world, outcome, record: journal.record('test.tree', 't') };
}

/**
 * `WORKFLOW_BUSY`: one that froze before it began has woken up, and has it now. `WORKFLOW_STUCK`: it has failed for so long that
 * an operator was called; it is retried.
 */
const AGAIN = new Set<unknown>([
  'died',
  'WORKFLOW_BUSY',
  'WORKFLOW_UNFINISHED',
  'WORKFLOW_INTERRUPTED',
  'WORKFLOW_STUCK',
]);

function treeWorkflow(world: World, recovery: WorkflowRecovery, body: Tree) {
  return defineWorkflow('test.tree', {
    input: z.null(),
    result: z.null(),
    recovery,
    steps: {
      keyed: worldStep(world, 'keyed', { checks: true }),
      plain: worldStep(world, 'none', { checks: true }),
      unasked: worldStep(world, 'keyed', { checks: false }),
      put: worldStep(world, 'idempotent', { checks: true }),
    },
    body: async (unit) => {
      await play(unit, body);
      return null;
    },
  });
}

/** A clock whose only waits are the time limits of calls, which the world does not reach. */
function clockOf(journal: MemoryJournal): Clock {
  return {
    now: () => journal.now,
    monotonic: () => journal.now,
    sleep: (_, signal) => new Promise((resolve) => signal?.addEventListener('abort', () => resolve())),
  };
}

/** Returns the things that stand after an undisturbed run. */
async function undisturbed(body: Tree) {
  const { world, outcome } = await live({ tree: body, recovery: 'resume', kills: [] });
  return { outcome, there: [...world.there.values()].toSorted() };
}

/** Checks every change of the world against one rule: an undo is of the last standing thing. */
function disorder(changes: readonly string[]): readonly string[] {
  const standing: string[] = [];
  const made = new Set<string>();
  return changes.filter((change) => {
    const name = change.slice(1);
    if (change.startsWith('+')) {
      standing.push(name);
      const twice = made.has(name);
      made.add(name);
      return twice;
    }
    return change.startsWith('!') || standing.pop() !== name;
  });
}

const recovery = fc.constantFrom<WorkflowRecovery>('undo', 'resume');
const kills = fc.array(fc.record({ await: fc.integer({ min: 1, max: 60 }), wakes: fc.boolean() }), {
  maxLength: 8,
});
const pauses = fc.array(fc.constantFrom(100, 1_000, 20_600, 40_000), { maxLength: 12 });
const jumps = fc.array(fc.constantFrom(0, 0, 3_600_000), { maxLength: 12 });
const names = fc
  .integer({ min: 0, max: 3 })
  .chain((first) => fc.constantFrom(`n${first}`, `n${first}-0`, `n${first}-1`));
const faults = fc.array(
  fc.record({
    call: fc.tuple(fc.constantFrom('+', '-', '?'), names).map(([what, name]) => `${what}${name}`),
    fault: fc.constantFrom<WorldFault>('reply_lost', 'request_lost', 'refuse', 'late', 'hidden'),
  }),
  { maxLength: 8 },
);

/** A freeze of the process that would repeat the call, past its lease, while no other worker has come. */
const FROZEN_BEFORE_ITS_CALL = [
  { await: 4, wakes: false },
  { await: 13, wakes: true },
];

/** A freeze between intent and call, past the lease: that call must not be made any more. */
const FROZEN_AFTER_ITS_INTENT: Scene = {
  tree: { children: [{ step: 'keyed' }], throws: false },
  recovery: 'undo',
  kills: [
    { await: 3, wakes: true },
    { await: 1, wakes: false },
  ],
  pauses: [],
  faults: [{ call: '+n0', fault: 'late' }],
};

/** A jump of the database's clock while a call is on its way: it is not found yet, and must not be repeated. */
const CLOCK_AHEAD_OF_A_CALL: Scene = {
  tree: { children: [{ step: 'plain' }], throws: false },
  recovery: 'resume',
  kills: [],
  pauses: [100],
  jumps: [3_600_000],
  faults: [{ call: '+n0', fault: 'late' }],
};

describe('a workflow whose processes die anywhere', () => {
  // Planted faults that fail here: `find` for `findLast` in `nextMove`; an interrupted call taken for one that was never made
  // (`found` always `ready`), or for failed; "not found" believed at once (`finalInMs` 0), or while it may be hidden.
  it('G6j, S29, S55: a workflow is completed or completely undone, the last step first and nothing twice, as its journal says', async () => {
    const scene = fc.record({ tree, recovery, kills, pauses, jumps, faults });
    await fc.assert(
      fc.asyncProperty(scene, async (given) => {
        const { world, outcome, record } = await live(given);
        expect(['completed', 'WORKFLOW_COMPENSATED']).toContain(outcome);
        expect(disorder(world.changes)).toEqual([]);
        if (outcome === 'WORKFLOW_COMPENSATED') expect([...world.there.values()]).toEqual([]);
        const { findings, state } = verifyWorkflow(record);
        expect([findings, state]).toEqual([[], outcome === 'completed' ? 'completed' : 'compensated']);
      }),
      { numRuns: 300, examples: [[FROZEN_AFTER_ITS_INTENT], [CLOCK_AHEAD_OF_A_CALL]] },
    );
  });

  it('a workflow whose body is resumed ends as if nothing had happened', async () => {
    await fc.assert(
      fc.asyncProperty(tree, kills, async (body, deaths) => {
        const { world, outcome } = await live({ tree: body, recovery: 'resume', kills: deaths });
        expect({ outcome, there: [...world.there.values()].toSorted() }).toEqual(await undisturbed(body));
      }),
      {
        numRuns: 200,
        examples: [[{ children: [{ step: 'keyed' }], throws: false }, FROZEN_BEFORE_ITS_CALL]],
      },
    );
  });
});
