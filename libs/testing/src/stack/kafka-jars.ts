import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ownFile } from '../own-files.ts';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);
export const POM = fileURLToPath(ownFile('kafka/pom.xml'));
const INSTALL =
  'install Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven), set KAFKA_BROKERS to a Kafka that runs, or test without Kafka (withPostgres, applyOne, memoryBroker need none)';

export interface JarsOptions {
  /** Holds one folder of jars for each pom that was fetched. */
  readonly directory: string;
  readonly log: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * The folder with Kafka's jars, fetched by Maven once. It is named by the pom's hash, so a changed version is
 * fetched anew, and it appears by a rename, so a folder that exists is complete, also when two runs fetch at once.
 */
export async function kafkaJars({ directory, log, env = process.env }: JarsOptions): Promise<string> {
  const hash = createHash('sha256').update(readFileSync(POM)).digest('hex').slice(0, 12);
  const target = join(directory, hash);
  if (existsSync(target)) return target;
  mkdirSync(directory, { recursive: true });
  const partial = join(directory, `.partial-${process.pid}`);
  try {
    log('stack: fetching Apache Kafka with Maven (once; 54 MB)');
    await runMaven(
      ['-q', '-B', '-f', POM, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`],
      env,
    );
    moveIntoPlace(partial, target);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return target;
}

async function runMaven(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run('mvn', args, { env, timeout: 600_000, maxBuffer: 16_777_216 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new DevStackError(
        'MAVEN_MISSING',
        `Kafka's jars come from Maven and \`mvn\` was not found: ${INSTALL}`,
        error,
      );
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    const reason = output.split('\n').find((line) => line.startsWith('[ERROR]')) ?? output.slice(0, 500);
    throw new DevStackError(
      'KAFKA_JARS_FAILED',
      `Maven could not fetch Kafka's jars: ${reason}. Check the network or Maven's settings.xml, then try again`,
      error,
    );
  }
}

function moveIntoPlace(partial: string, target: string): void {
  try {
    renameSync(partial, target);
  } catch (error) {
    if (!existsSync(target)) throw error;
  }
}
