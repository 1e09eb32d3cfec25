import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { reasonOf } from '../programs.ts';
import type { Copy } from './copy.ts';
import { type Fault, type PlantedFault, testFilesOf } from './fault.ts';
import { faultsOfClean, judgeRun, type Report, type Verdict } from './judge.ts';

/** A run without an answer for so long is ended. */
const LIMIT_MS = 900_000;

interface Scene {
  readonly copy: Copy;
  readonly files: readonly string[];
  /** The servers of all runs, as tests get them. */
  readonly servers: string;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** Runs the tests of all faults on the clean copy, then those of each fault with it planted. True if each was caught. */
export async function runFaults(faults: readonly PlantedFault[], scene: Scene): Promise<boolean> {
  const { say } = scene;
  const began = performance.now();
  const planned = faults.map((fault) => ({ fault, files: testFilesOf(fault, scene.files) }));
  if (!(await passClean(planned, scene))) return false;
  let survived = 0;
  for (const { fault, files } of planned) {
    const from = performance.now();
    const verdict = await tryFault(fault, files, scene);
    const seconds = ((performance.now() - from) / 1_000).toFixed(0);
    const tier = fault.part === undefined ? 'test' : `verify ${fault.part}`;
    say(`${fault.id} ${fault.name}: ${textOf(verdict)}, ${seconds} s (${tier})`);
    if (verdict.kind === 'caught') continue;
    survived += 1;
    say(`   planted: ${fault.planted}\n   breaks: ${fault.breaks}: ${fault.promise}`);
  }
  const minutes = (performance.now() - began) / 60_000;
  say(`${planned.length - survived} caught, ${survived} survived, ${minutes.toFixed(0)} min`);
  return survived === 0;
}

type Planned = readonly { readonly fault: Fault; readonly files: readonly string[] }[];

/** A failure shows a fault only if the same tests pass without it. */
async function passClean(planned: Planned, { copy, servers, signal, say }: Scene): Promise<boolean> {
  for (const [part, of] of Map.groupBy(planned, ({ fault }) => fault.part)) {
    const files = [...new Set(of.flatMap((one) => one.files))];
    const { report, seconds } = await runTests(copy.folder, { files, part, servers, bail: false, signal });
    const wrong = faultsOfClean(report, files);
    const how = wrong.length === 0 ? 'pass' : 'do not pass';
    say(`without a fault, their ${files.length} test files ${how}, ${seconds.toFixed(0)} s`);
    for (const line of wrong) say(`   ${line}`);
    if (wrong.length > 0) return false;
  }
  return true;
}

async function tryFault(
  fault: PlantedFault,
  files: readonly string[],
  { copy, servers, signal }: Scene,
): Promise<Verdict> {
  const run = { files, part: fault.part, only: fault.only, servers, signal };
  const attempt = async (bail: boolean): Promise<Verdict> =>
    judgeRun((await runTests(copy.folder, { ...run, bail })).report, fault.failsWith);
  try {
    await copy.restore();
    await copy.plant(fault.patch);
    const first = await attempt(true);
    // The first failure is mostly an assertion; where it is not, a later one may be.
    return first.kind === 'invalid' ? await attempt(false) : first;
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'invalid', why: reasonOf(error) };
  }
}

function textOf(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'caught':
      return `caught by "${verdict.by}"${verdict.how === 'assertion' ? '' : ` (${verdict.how})`}`;
    case 'survived':
      return 'SURVIVED';
    case 'invalid':
      return `SURVIVED: no test failed by what it asserts: ${verdict.why.trim().split('\n').at(-1) ?? ''}`;
  }
}

interface TestRun {
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
async function runTests(
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
