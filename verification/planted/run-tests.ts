import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Report } from './judge.ts';

/** A run without an answer for so long is ended. */
const LIMIT_MS = 900_000;

export interface TestRun {
  readonly files: readonly string[];
  /** Vitest's `-t`. @default all tests */
  readonly only?: string | undefined;
  /** The part of `make verify` whose tests are run. @default those of the first tier */
  readonly part?: string | undefined;
  readonly servers: string;
  /** Ends the run at the first failed test. */
  readonly bail: boolean;
  readonly signal: AbortSignal;
}

/** Runs test files in a copy of the tree by its own vitest. Rejects where vitest wrote no report. */
export async function runTests(
  folder: string,
  { files, only, part, servers, bail, signal }: TestRun,
): Promise<{ readonly report: Report; readonly seconds: number }> {
  const report = join(folder, '.converge/report.json');
  await rm(report, { force: true });
  const began = performance.now();
  const vitest = ['node_modules/vitest/vitest.mjs', 'run'];
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${folder}/node_modules/.bin:${process.env['PATH'] ?? ''}`,
    CONVERGE_REPORT: report,
    CONVERGE_TEST_SERVERS: servers,
  };
  delete env['CONVERGE_PART'];
  const chosen = [...(bail ? ['--bail=1'] : []), ...(only === undefined ? [] : ['-t', only]), ...files];
  const child = spawn(process.execPath, [...vitest, ...chosen], {
    cwd: folder,
    env: part === undefined ? env : { ...env, CONVERGE_PART: part },
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
  });
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed = (printed + text).slice(-2_000)));
  const ended = await once(child, 'close').catch((error: unknown) => [error]);
  signal.throwIfAborted();
  const seconds = (performance.now() - began) / 1_000;
  const text = await readFile(report, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new Error(`vitest wrote no report (${String(ended[0])}, ${seconds.toFixed(0)} s): ${printed}`);
  return { report: JSON.parse(text) as Report, seconds };
}
