import type { Stack } from '@convergekit/testing';
import type { Cleanup } from '../cleanup.ts';
import type { Figure } from './report/figure.ts';
import type { Plot } from './report/svg.ts';
import type { Settings } from './settings.ts';
import type { Side } from './sides/side.ts';

/** The environment of a case. */
export interface World {
  readonly stack: Stack;
  readonly settings: Settings;
  readonly sides: Sides;
  readonly cleanup: Cleanup;
  /** The folder for logs and settings of processes. */
  readonly folder: string;
  /** Progress, a line each. */
  readonly say: (line: string) => void;
  /** Results of one case that another case needs. */
  readonly learnt: { debeziumPeakMiB?: number };
}

export interface Sides {
  /** The relay on each driver that this build has; the first one is the default driver. */
  readonly ours: readonly [Side, ...Side[]];
  /** Debezium as a list of one; empty where it cannot run. */
  readonly debezium: readonly Side[];
  /** Why Debezium cannot run. */
  readonly absent: string | undefined;
  readonly others: readonly Side[];
}

export interface CaseResult {
  readonly figures: readonly Figure[];
  /** @default none */
  readonly plots?: readonly Plot[];
  /** The results of every round, as Markdown. */
  readonly rounds: string;
}

/** A case. Its method is in docs/benchmarks/README.md, under a heading with its name. */
export interface Case {
  readonly name: string;
  readonly title: string;
  /** False where no side reads the log of Postgres: the server has its own default of `wal_level` then. @default true */
  readonly logical?: boolean;
  run(world: World): Promise<CaseResult>;
}
