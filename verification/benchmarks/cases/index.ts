import type { Case } from '../case.ts';
import { drainCase } from './drain.ts';

/** In the order in which they run. */
export const cases: readonly Case[] = [drainCase];
