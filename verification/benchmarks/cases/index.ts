import type { Case } from '../case.ts';
import { amplificationCase } from './amplification.ts';
import { chainCase } from './chain.ts';
import { deepCase } from './deep.ts';
import { drainCase } from './drain.ts';
import { effectsCase } from './effects.ts';
import { failingKeyCase } from './failing-key.ts';
import { inboxCase } from './inbox.ts';
import { latencyCase } from './latency.ts';
import { localCase } from './local.ts';
import { outageCase } from './outage.ts';
import { parkedLineCase } from './parked-line.ts';
import { reconcileCase } from './reconcile.ts';
import { sagasCase } from './sagas.ts';
import { shopCase } from './shop.ts';
import { takeoverCase } from './takeover.ts';
import { writerCase } from './writer-cost.ts';

/** The cases, in the order in which they run. */
export const cases: readonly Case[] = [
  drainCase,
  latencyCase,
  deepCase,
  writerCase,
  takeoverCase,
  outageCase,
  inboxCase,
  effectsCase,
  failingKeyCase,
  parkedLineCase,
  localCase,
  amplificationCase,
  chainCase,
  reconcileCase,
  sagasCase,
  shopCase,
];
