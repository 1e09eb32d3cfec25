import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { javaJars } from '../java.ts';
import { configText } from './config-text.ts';
import type { Model, Run } from './model.ts';
import { type Output, parseOutput } from './output.ts';

const here = import.meta.dirname;
/** A limit on a run that hangs. */
const HANGS_MS = 1_200_000;
/** Short runs: the second compiler costs more than it saves. */
const FIRST_COMPILER = '-XX:TieredStopAtLevel=1';

/** Runs a configuration of a model; `signal` ends it. */
export type Tlc = (model: Model, of: Run, signal?: AbortSignal) => Promise<Output>;

/** TLC on this machine's Java. Its jar is fetched by Maven once. Rejects with what to install. */
export async function tlc(say: (line: string) => void): Promise<Tlc> {
  const { java, jars } = await javaJars({
    pom: join(here, 'pom.xml'),
    directory: join(here, '../../.converge/tlc-jars'),
    what: 'TLC',
    megabytes: 3,
    log: say,
  });
  return async (model, of, signal) => {
    const scratch = mkdtempSync(join(tmpdir(), 'converge-tlc-'));
    try {
      const { breaks } = of;
      copyFileSync(join(here, `${model.name}.tla`), join(scratch, `${model.name}.tla`));
      writeFileSync(join(scratch, 'run.cfg'), configText(model, of));
      const isShort = breaks !== undefined || of.quick === true;
      const jvm = [...(isShort ? [FIRST_COMPILER] : []), '-XX:+UseSerialGC', '-Xmx2g'];
      // TLC writes copies of its standard modules into the folder for temporary files.
      const jar = [`-Djava.io.tmpdir=${scratch}`, '-cp', join(jars, '*'), 'tlc2.TLC'];
      const states = ['-metadir', join(scratch, 'states')];
      const options = ['-workers', '1', '-nowarning', ...states, '-config', 'run.cfg'];
      const coverage = breaks === undefined ? ['-coverage', '1'] : [];
      const args = [...jvm, ...jar, ...options, ...coverage, model.name];
      return parseOutput(await outputOf(java, args, scratch, signal));
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  };
}

/** TLC's exit code says whether an invariant broke, and so does its output. */
function outputOf(
  java: string,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal | undefined,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, timeout: HANGS_MS, maxBuffer: 64 * 1024 * 1024, ...(signal && { signal }) };
    execFile(java, args, options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number')
        reject(new Error(`TLC did not end: ${error.message.slice(0, 500)}`, { cause: error }));
      else resolve(`${stdout}\n${stderr}`);
    });
  });
}
