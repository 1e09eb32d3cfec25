/** Preloaded into a relay: writes its live memory to the file SOAK_MEMORY, every SOAK_MEMORY_MS, right after a collection. */
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { systemClock } from '@convergekit/core';
import type { Sample } from './memory.ts';

const MEGABYTE = 2 ** 20;
const { SOAK_MEMORY: file, SOAK_MEMORY_MS: everyMs } = process.env;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

if (file !== undefined)
  setInterval(() => {
    // The first frees buffers in the background, the second waits for it.
    collect();
    collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    const sample: Sample = {
      atMs: systemClock.now(),
      pid: process.pid,
      megabytes: (heapUsed + external) / MEGABYTE,
      residentMegabytes: rss / MEGABYTE,
    };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
  }, Number(everyMs)).unref();
