import { reasonOf } from '../programs.ts';
import type { Copy } from './copy.ts';
import { type Fault, type PlantedFault, testFilesOf } from './fault.ts';
import { faultsOfClean, judgeRun, type Verdict } from './judge.ts';
import { runTests } from './run-tests.ts';

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
