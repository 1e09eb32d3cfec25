// Twenty orders on each layout of the kit, and by hand: correctness alone, no figures.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it, onTestFinished } from 'vitest';
import { Cleanup } from '../../cleanup.ts';
import { closedLoop } from './load/loads.ts';
import { withSide } from './side-run.ts';
import { byHand } from './sides/by-hand.ts';
import { converge } from './sides/converge.ts';
import type { SagaSide } from './sides/side.ts';

const sides: readonly SagaSide[] = [
  ...(inject('full') ? [converge('B'), converge('A'), byHand()] : []),
  converge('A', 'local'),
];

it.each(sides)('$name ends twenty orders: one of ten is refused, and money and stock agree', async (side) => {
  const folder = mkdtempSync(join(tmpdir(), 'bench-sagas-'));
  const cleanup = new Cleanup(() => undefined);
  onTestFinished(async () => {
    await cleanup.run();
    rmSync(folder, { recursive: true, force: true });
  });
  const stack = inject('stack');
  const judgement = await withSide({ stack, cleanup, folder }, side, 240_000, async (run) => {
    await closedLoop(run.driver, { count: 20, atOnce: 4 });
    return run.judge();
  });
  expect(judgement).toEqual({ violations: [], doubles: 0, repeats: 0, notEnded: 0 });
});
