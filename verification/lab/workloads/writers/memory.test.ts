import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@convergekit/testing';
import { describe, expect, it } from 'vitest';
import { memoryTrend, probed, readSamples, type Sample } from './memory.ts';

const samples = (pid: number, count: number, size: (minutes: number) => number, from = 0): Sample[] =>
  Array.from({ length: count }, (_, index) => ({
    atMs: from + index * 2_000,
    pid,
    megabytes: size((index * 2_000) / 60_000),
    residentMegabytes: 300,
  }));

describe('the memory trend', () => {
  it('the memory trend is the slope of the last two thirds, without the growth of the start', () => {
    const trend = memoryTrend(samples(1, 900, (minutes) => (minutes < 5 ? 60 + 20 * minutes : 160)));
    expect(trend?.megabytesPerMinute).toBeCloseTo(0, 6);
    expect(trend?.overMinutes).toBeCloseTo(20, 0);
  });

  it('the memory trend shows a leak under a saw-tooth that is a hundred times as high', () => {
    const sawTooth = (minutes: number): number => 150 + ((minutes * 60) % 30) * 4;
    expect(memoryTrend(samples(1, 900, sawTooth))?.megabytesPerMinute).toBeLessThan(0.3);
    const leak = memoryTrend(samples(1, 900, (minutes) => sawTooth(minutes) + 2 * minutes));
    expect(leak?.megabytesPerMinute).toBeGreaterThan(1.7);
  });

  it('the memory trend is that of the last process when an earlier one ended', () => {
    const trend = memoryTrend([
      ...samples(1, 300, (minutes) => 100 + 50 * minutes),
      ...samples(2, 600, () => 90, 600_000),
    ]);
    expect(trend).toMatchObject({ first: 90, last: 90 });
    expect(trend?.megabytesPerMinute).toBeCloseTo(0, 6);
  });

  it('the memory trend is absent when there are too few samples', () => {
    expect(memoryTrend([])).toBeUndefined();
    expect(memoryTrend(samples(1, 2, () => 100))).toBeUndefined();
  });
});

// Seen to fail without the collection: the garbage counts, too.
it('live memory is what a process holds, without the garbage that it made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'converge-memory-'));
  const file = join(folder, 'memory.jsonl');
  const program = `
    const held = Array.from({ length: 20 }, () => Buffer.alloc(2 ** 20, 1));
    setInterval(() => Array.from({ length: 40 }, () => Buffer.alloc(2 ** 20, 1)), 20);
    process.on('exit', () => held.length);
  `;
  const child = spawn(process.execPath, ['--eval', program], {
    env: { ...process.env, ...probed(file, 300) },
  });
  try {
    await waitUntil(() => readSamples(file).length >= 2, { what: 'two samples' });
    for (const { megabytes } of readSamples(file)) {
      expect(megabytes).toBeGreaterThan(20);
      expect(megabytes).toBeLessThan(60);
    }
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
