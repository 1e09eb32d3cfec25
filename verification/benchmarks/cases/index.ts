import type { Case } from '../case.ts';
import { deepCase } from './deep.ts';
import { drainCase } from './drain.ts';
import { latencyCase } from './latency.ts';
import { outageCase } from './outage.ts';
import { rawCase } from './raw.ts';
import { takeoverCase } from './takeover.ts';
import { writerCase } from './writer-cost.ts';

/** In the order in which they run. */
export const cases: readonly Case[] = [
  drainCase,
  latencyCase,
  deepCase,
  writerCase,
  takeoverCase,
  outageCase,
  rawCase,
];
