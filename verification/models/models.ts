import { lease } from './lists/lease.ts';
import { slice } from './lists/slice.ts';
import { step } from './lists/step.ts';
import { ticks } from './lists/ticks.ts';
import type { Model } from './model.ts';

export const models: readonly Model[] = [ticks, lease, slice, step];
