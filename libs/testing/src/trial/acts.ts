import type { IncomingRecord } from '@convergekit/broker/engine';
import { deterministicUuid } from '@convergekit/core/engine';
import type { WorkerCall } from '@convergekit/saga';
import type { ConsumerDefinition } from '@convergekit/inbox';
import { deliver, type Delivering, routeTo } from '@convergekit/inbox/testing';
import type { SagaDeclaration } from '@convergekit/saga/declare';
import { actOnWork } from '@convergekit/saga/operate';
import type { Executor } from '@convergekit/postgres';
import { behindBarrier, type CommitBarrier, isCrash } from './commit-barrier.ts';
import { inHandler, overNetwork } from './faulty.ts';
import type { Lane } from './lane.ts';
import { Network, Running } from './running.ts';
import { makeFinal, type OpenWork, readOpenWork } from './trial-sql.ts';
import type { Evidence, RunOf, RunPlan, TrialHooks, Made } from './types.ts';

/** Something that may happen next. `alone`: not while something else is before its COMMIT. */
export interface Act {
  readonly name: string;
  /** The step that the action concerns. */
  readonly at?: string | undefined;
  /** True for effects outside of the transaction, which a crash would forget: no kit could know of them. */
  readonly cannotCrash?: boolean;
  readonly alone?: true;
  readonly begin: () => Running;
}

export interface RunOptions extends TrialHooks {
  readonly lanes: readonly Lane[];
  readonly declaration: SagaDeclaration;
}

/** What may happen in one run: deliveries, work, timers, calls that arrive, a cancellation, operators. */
export class Acts {
  readonly emitted: Evidence[] = [];
  readonly network: Network;
  readonly #options: RunOptions;
  readonly #of: RunOf;
  readonly #plan: RunPlan;
  readonly #pending: Act[] = [];
  /** The first step that each consumer runs. */
  readonly #first: ReadonlyMap<string, string>;
  /** Consumers that run a step after the pivot: an operator retries what they give up. */
  readonly #retriable: ReadonlySet<string>;
  readonly #calls: ReadonlySet<string>;

  constructor(options: RunOptions, of: RunOf, plan: RunPlan) {
    const steps = options.declaration.stages.flatMap((stage) => stage.steps);
    this.#options = options;
    this.#of = of;
    this.#plan = plan;
    this.network = new Network(of.random);
    this.#first = new Map(steps.toReversed().map(({ by, name }) => [by, name]));
    this.#retriable = new Set(steps.flatMap(({ kind, by }) => (kind === 'retriable' ? [by] : [])));
    this.#calls = new Set(steps.flatMap(({ call, name }) => (call ? [name] : [])));
  }

  async begin(): Promise<void> {
    const { lanes, start } = this.#options;
    const { key, instance } = this.#of;
    await lanes[0]?.emit(start(key), instance);
    if (this.#plan.cancel !== undefined) this.#pending.push(this.#cancelling(this.#plan.cancel));
  }

  /** Takes one of the actions by chance. */
  take(acts: Act[]): Act {
    const [act] = acts.splice(Math.floor(this.#of.random() * acts.length), 1);
    if (act === undefined) throw new TypeError('nothing to take');
    const at = this.#pending.indexOf(act);
    if (at >= 0) this.#pending.splice(at, 1);
    return act;
  }

  /** Lists everything that may happen now; nothing at the end of the run. */
  async possible(): Promise<Act[]> {
    const { lanes } = this.#options;
    for (const lane of lanes)
      for (const { record, emitted } of await lane.committed()) {
        this.emitted.push(emitted);
        this.#deliverTo(record, emitted.type);
      }
    const working: Act[] = [];
    let waits = false;
    for (const lane of lanes) {
      const open = await readOpenWork(lane.database.executor, this.#of.instance);
      const due = open.filter(({ op }) => this.#comesDue(op));
      waits ||= due.some(({ state, held }) => state === 'unknown' && !held);
      working.push(...due.map((work) => this.#working(lane, work)));
    }
    const { calls } = this.network;
    const arriving = calls.map((call): Act => {
      const begin = (): Running => this.network.arrives(call);
      return { name: `the ${call.name} arrives`, at: call.step, begin };
    });
    const time = waits || calls.length > 0 ? [this.#time()] : [];
    return [...this.#pending, ...working, ...time, ...arriving];
  }

  #comesDue(op: string): boolean {
    return op === 'deadline' || op === 'expire' ? this.#plan.fires(op) : true;
  }

  #deliverTo(record: IncomingRecord, type: string): void {
    for (const lane of this.#options.lanes)
      for (const consumer of lane.consumers)
        if (consumer.topics.includes(record.topic) && routeTo(consumer, record) !== undefined)
          for (let times = this.#deliveries(); times > 0; times -= 1)
            this.#pending.push(this.#delivery(lane, consumer, record, type));
  }

  #deliveries(): number {
    const byChance = this.#of.random() < 0.2 ? 2 : 1;
    return this.#plan.deliveries ?? byChance;
  }

  #delivery(
    { database: { db } }: Lane,
    consumer: ConsumerDefinition<unknown>,
    record: IncomingRecord,
    type: string,
  ): Act {
    const { name } = consumer;
    const own = this.#first.get(name);
    const handling: Delivering['handling'] = ({ op, step = own }, handle) => {
      const fails = step !== undefined && !this.#calls.has(step);
      return inHandler(fails ? this.#plan.nextFault?.({ op, step }) : undefined, handle);
    };
    const act: Act = {
      name: `${type} to ${name}`,
      at: own,
      cannotCrash: this.#plan.cannotCrash?.(name) === true,
      begin: () =>
        new Running(async (barrier) => {
          try {
            const outcome = await deliver(behindBarrier(db, barrier), consumer, record, {
              handling,
              isCrash,
            });
            // The event waits for its key; an operator retries given-up events of any kind.
            const retried = outcome === 'dead' && (this.#retriable.has(name) || this.#of.random() < 0.3);
            if (outcome === 'later' || retried) this.#pending.push(act);
          } catch (error) {
            if (!barrier.crashed) throw error;
            this.#pending.push(act);
          }
        }),
    };
    return act;
  }

  #cancelling(by: 'instance' | 'key'): Act {
    const { lanes, declaration, cancel } = this.#options;
    const { key, instance } = this.#of;
    const saga = by === 'instance' ? `${declaration.name}/${declaration.version}/${instance}` : undefined;
    const id = deterministicUuid('trial', 'cancel', instance);
    const emit = async (): Promise<void> => {
      if (cancel !== undefined) await lanes[0]?.emit(cancel(key), id, saga);
    };
    return { name: `a cancellation by ${by}`, alone: true, begin: () => new Running(emit) };
  }

  #working(lane: Lane, work: OpenWork): Act {
    const { op, step, state } = work;
    if (state === 'stuck') {
      const resolve = (): Promise<void> => resolveStuck(lane.database.executor, work, this.#options);
      return { name: `an operator resolves ${step}`, alone: true, begin: () => new Running(resolve) };
    }
    const run = async (barrier: CommitBarrier): Promise<void> => {
      const claimed = await lane.claim(work);
      if (claimed === undefined) return;
      await lane
        .work(behindBarrier(lane.database.db, barrier), this.#workerCallOf(lane, work), claimed)
        .catch((error: unknown) => {
          // Its process is gone: another worker finds the row when the lease is over.
          if (!barrier.crashed) throw error;
        });
    };
    return { name: `${op} of ${step} (${state})`, at: step, begin: () => new Running(run) };
  }

  #workerCallOf(lane: Lane, { call: name, op, step }: OpenWork): WorkerCall<unknown> {
    const call = lane.calls.find((one) => one.name === name);
    if (call === undefined) throw new TypeError(`no service of the trial has the call ${name}`);
    if ((op !== 'apply' && op !== 'compensate') || !this.#calls.has(step)) return call;
    return overNetwork(call, step, this.network, () => this.#plan.nextFault?.({ op, step }));
  }

  #time(): Act {
    const pass = async (): Promise<void> => {
      await this.network.empty();
      this.#options.timePasses?.();
      for (const { database } of this.#options.lanes) await makeFinal(database.executor, this.#of.instance);
    };
    return { name: 'time passes', alone: true, begin: () => new Running(pass) };
  }
}

/** Resolves stuck work as an operator does, who has looked into the other side's records. */
async function resolveStuck(
  executor: Executor,
  work: OpenWork,
  { took, timePasses }: Pick<TrialHooks, 'took' | 'timePasses'>,
): Promise<void> {
  if (took === undefined)
    throw new Error(
      `${work.call} is stuck with an unknown outcome, which an operator resolves: give the call a \`query\`, or sagaTrial \`took\``,
    );
  timePasses?.();
  const made = await took(work);
  const outcome =
    made === undefined
      ? ({ kind: 'failed', failure: NO_RECORD } as const)
      : ({ kind: 'succeeded', result: factOf(made) } as const);
  await actOnWork(executor, work.id, { by: 'trial', reason: 'their records say so' }, outcome);
}

const NO_RECORD = {
  category: 'business',
  certainty: 'not_applied',
  code: 'NO_RECORD',
  message: 'the other side has no record of it',
} as const;

function factOf({ type, version, payload }: Made): string {
  return JSON.stringify({ type, version, payload });
}
