import type { Stack } from '@convergekit/testing';
import type { Cleanup } from './cleanup.ts';
import type { Figure } from './report/figure.ts';
import type { Plot } from './report/svg.ts';
import type { Settings } from './settings.ts';
import type { Side } from './sides/side.ts';

/** What every case is given. */
export interface World {
  readonly stack: Stack;
  readonly settings: Settings;
  readonly sides: Sides;
  readonly cleanup: Cleanup;
  /** For logs and settings of processes. */
  readonly folder: string;
  /** Progress, a line each. */
  readonly say: (line: string) => void;
  /** What one case learnt and another one needs. */
  readonly learnt: { debeziumPeakMiB?: number };
}

export interface Sides {
  /** The relay on each driver that this build has; the first one is the default driver. */
  readonly ours: readonly [Side, ...Side[]];
  /** Why there is no Debezium, where there is none. */
  readonly debezium: Side | { readonly absent: string };
  readonly others: readonly Side[];
}

export interface CaseResult {
  readonly figures: readonly Figure[];
  readonly plots: readonly Plot[];
  /** Every round, as Markdown. */
  readonly rounds: string;
  /** How it was measured, as Markdown. */
  readonly method: string;
}

export interface Case {
  readonly name: string;
  readonly title: string;
  run(world: World): Promise<CaseResult>;
}

/** Debezium where it can run. */
export function debeziumOf({ sides }: World): Side | undefined {
  return 'absent' in sides.debezium ? undefined : sides.debezium;
}
