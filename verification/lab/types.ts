import type { Check } from '../checker/check.ts';
import type { Clock, Random } from '@convergekit/core';
import type { Database } from '@convergekit/postgres';
import type { FaultProxy } from '@convergekit/testing';
import type { EmbeddedServer, StackServer } from '@convergekit/testing/engine';
import type { History, Progress } from './progress.ts';
import type { Child } from './process.ts';

/** Registers what must be undone, the last first, whatever happens. */
export type Defer = (undo: () => Promise<unknown>) => void;

/** The network between some processes and one of their servers. */
export interface Link {
  readonly name: string;
  readonly to: 'broker' | 'database';
  readonly proxy: FaultProxy;
}

/** A database with an outbox, and the processes that publish it. */
export interface SourceTarget {
  readonly name: string;
  readonly database: Database;
  /** The environment of commands: DATABASE_URL and the log. */
  readonly env: Readonly<Record<string, string>>;
  /** Empty where faults leave its relays alone. */
  readonly relays: readonly Child[];
  /** The topic that a fault may halt. */
  readonly sideTopic?: string;
  /** Writes one event in an open transaction. */
  readonly writeIn?: (tx: Database['executor']) => Promise<void>;
  /** Lets commits not wait for the disk, so that a crash undoes acknowledged ones. */
  readonly relax?: (relaxed: boolean) => void;
}

/** A table whose writes a fault may fail: the column that names the step, and which keys fail for good. */
export interface Exposed {
  readonly database: Database;
  readonly table: string;
  readonly when: 'insert' | 'update';
  readonly key: string;
  /** An SQL condition on `new`. @default true */
  readonly only?: string;
  /** The number of keys in 1,000 that fail permanently: their events are given up. @default 0 */
  readonly forGood?: number;
}

/** What faults can touch. A workload gives some of it, and may declare more; a fault that needs more is not drawn. */
export interface Targets {
  readonly processes: readonly Child[];
  readonly sources: readonly SourceTarget[];
  readonly links: readonly Link[];
  /** Topics into which strangers write. */
  readonly topics: readonly string[];
  readonly postgres: StackServer;
  readonly kafka: StackServer;
  /** The brokers of a cluster of several: the n-th has the id n + 1. */
  readonly nodes: readonly EmbeddedServer[];
  /** The address of a database of the same server that no workload uses. */
  readonly strangersUrl: string;
  /** Where the payment provider takes its behaviour. */
  readonly providerUrl: string;
  readonly exposed: readonly Exposed[];
  /** The shop's databases, and where a fault registers the keys that it made drift. */
  readonly shop: {
    readonly databases: Readonly<Record<'orders' | 'inventory' | 'payments', Database>>;
    readonly drifted: (keys: Drifted) => void;
  };
}

/** Keys that a fault made drift. */
export interface Drifted {
  /** What was done to them. */
  readonly what: string;
  /** The reconciler that repairs them; undefined where the fault names no keys. */
  readonly reconciler: string | undefined;
  readonly keys: readonly string[];
}

/** What the seed draws for one fault. */
export interface Draw {
  /** The duration or amount, in [0, 1). */
  readonly size: number;
  /** The choice of the target, in [0, 1). */
  readonly pick: number;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** A fault that was caused: what it hit, and how it ends. */
export interface Injected {
  readonly what: string;
  readonly repair?: () => unknown;
}

/** One kind of trouble. */
export interface Fault {
  /** Lower-case words and dashes. The first word is its group: `--faults kill` draws all of the group. */
  readonly name: string;
  readonly about: string;
  readonly needs: readonly (keyof Targets)[];
  /** How long it is held before it is repaired, in milliseconds: between the two, by the draw. @default not at all */
  readonly holdMs?: readonly [least: number, most: number];
  /** Goes on while other faults come. @default false */
  readonly background?: boolean;
  /** Causes it; undefined: nothing here can be hit, and the fault is skipped. */
  inject(targets: Targets, draw: Draw): Injection;
}

type Injection = Injected | undefined | Promise<Injected | undefined>;

/** Declares a fault; what it injects sees only what it needs. */
export function fault<const N extends keyof Targets>(
  one: Omit<Fault, 'needs' | 'inject'> & {
    readonly needs: readonly N[];
    inject(targets: Pick<Targets, N>, draw: Draw): Injection;
  },
): Fault {
  return one;
}

/** A load: at a rate for a time (an open loop), or so many, each after an earlier one was answered. */
export type Load =
  | { readonly kind: 'rate'; readonly perSecond: number; readonly seconds: number }
  | {
      readonly kind: 'count';
      readonly counts: Readonly<Record<string, number>>;
      readonly atOnce: number;
      /** The number of the first request. @default 0 */
      readonly from?: number;
    };

/** A sample of what is open. */
export interface Look {
  /** The awaited condition, in words; undefined when nothing is open. */
  readonly waitingFor: string | undefined;
  /** The number of open things, of all kinds. */
  readonly open: number;
  /** A number that grows with progress, such as the records that were read. */
  readonly read: number;
}

export interface Judged {
  readonly checks: readonly Check[];
  readonly figures: readonly (readonly [name: string, value: string])[];
  /** Texts of the report, by their titles. */
  readonly sections?: readonly (readonly [title: string, lines: readonly string[]])[];
  /** Everything that the judge read, to look into by hand. */
  readonly evidence?: unknown;
}

/** What a run gives to its workloads. */
export interface Run {
  readonly seed: number;
  readonly folder: string;
  readonly clock: Clock;
  readonly history: History;
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly defer: Defer;
}

/** A workload that runs: what faults may touch, its load, what is open, and its judge. */
export interface Part {
  readonly targets: Partial<Targets>;
  /** Resolves when its processes are ready. */
  start(): Promise<void>;
  /** Resolves when the load has ended. */
  load(load: Load, seeded: (n: number) => Random, signal: AbortSignal): Promise<void>;
  /** Resolves when the load has taken effect: no fault comes before. */
  warm?(): Promise<void>;
  /** The state of the load, in a few words. */
  status(): Promise<string> | string;
  look(): Promise<Look>;
  /** Begins to ask whether all works again after a fault; each call says what does not yet. */
  live?(): () => Promise<string | undefined>;
  /** The time in which all has to work again, in milliseconds. @default 60_000 */
  readonly liveWithinMs?: number;
  /** Ends what has to end before the judge reads. */
  settle?(): Promise<void>;
  judge(span: Span): Promise<Judged>;
}

/** The time of the load, in milliseconds since 1970. */
export interface Span {
  readonly beganMs: number;
  /** The first fault came not before. */
  readonly calmUntilMs: number;
  readonly endedMs: number;
}

/** Joins what the parts give: lists are added, of anything else the first counts. */
export function targetsOf(parts: readonly Pick<Part, 'targets'>[]): Targets {
  const all: Record<string, unknown> = {
    processes: [],
    sources: [],
    links: [],
    exposed: [],
    topics: [],
    nodes: [],
  };
  for (const { targets } of parts)
    for (const [name, value] of Object.entries(targets))
      all[name] = Array.isArray(value)
        ? [...((all[name] as unknown[] | undefined) ?? []), ...(value as unknown[])]
        : (all[name] ?? value);
  return all as unknown as Targets;
}

/** True when no workload gives this target. */
export function isEmpty(target: unknown): boolean {
  return target === undefined || (Array.isArray(target) && target.length === 0);
}
