import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ownFile } from '../own-files.ts';
import { findJava, type JavaUse } from './java.ts';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);
export const POM = fileURLToPath(ownFile('kafka/pom.xml'));
export const LOG4J = fileURLToPath(ownFile('kafka/log4j2.properties'));
const INSTALL = 'install Maven (Debian and Ubuntu: apt-get install maven; macOS: brew install maven)';

/** A Java program: the command `java`, and the folder of its jars. */
export interface JavaJars {
  readonly java: string;
  readonly jars: string;
}

export interface JarsOptions extends JavaUse {
  /** The pom whose dependencies are fetched. */
  readonly pom: string;
  /** Holds one folder of jars for each version of the pom. */
  readonly directory: string;
  readonly megabytes: number;
  readonly log: (line: string) => void;
}

/** What Kafka needs Java for, and what can be done without. */
export const KAFKA = {
  what: 'Kafka',
  otherwise:
    ', set KAFKA_BROKERS to a Kafka that runs, or test without Kafka (withPostgres, applyOne, memoryBroker need none)',
} as const;

/** The jars of the embedded Kafka. */
export function kafkaJars(options: Pick<JarsOptions, 'directory' | 'log' | 'env'>): Promise<JavaJars> {
  const log = (line: string): void => options.log(`stack: ${line}`);
  return javaJars({ ...options, ...KAFKA, pom: POM, megabytes: 54, log });
}

/** Fetches that run, by their folder: the brokers of a cluster start at once. */
const fetches = new Map<string, Promise<void>>();

/**
 * The jars of a pom, fetched by Maven once. Their folder is named by the pom's hash, so a changed version is fetched
 * anew, and it appears by a rename, so a folder that exists is complete, also when two runs fetch at once. Rejects with
 * what to install when Java or Maven is missing.
 */
export async function javaJars(options: JarsOptions): Promise<JavaJars> {
  const java = await findJava(options);
  const hash = createHash('sha256').update(readFileSync(options.pom)).digest('hex').slice(0, 12);
  // Absolute: Maven takes a relative folder as one beside the pom.
  const target = resolve(options.directory, hash);
  if (existsSync(target)) return { java, jars: target };
  const fetch = fetches.get(target) ?? fetchJars(target, options).finally(() => fetches.delete(target));
  fetches.set(target, fetch);
  await fetch;
  return { java, jars: target };
}

async function fetchJars(target: string, options: JarsOptions): Promise<void> {
  const { what, megabytes, log } = options;
  mkdirSync(dirname(target), { recursive: true });
  const partial = join(dirname(target), `.partial-${process.pid}`);
  try {
    log(`fetching ${what} with Maven (once; ${megabytes} MB)`);
    await runMaven(partial, options);
    moveIntoPlace(partial, target);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

async function runMaven(folder: string, options: JarsOptions): Promise<void> {
  const { pom, what, otherwise = '', env = process.env } = options;
  try {
    const goal = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`];
    await run('mvn', goal, { env, timeout: 600_000, maxBuffer: 16_777_216 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new DevStackError(
        'MAVEN_MISSING',
        `${what}'s jars come from Maven and \`mvn\` was not found: ${INSTALL}${otherwise}`,
        error,
      );
    const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    const reason = output.split('\n').find((line) => /^\[ERROR\].*\w/.test(line)) ?? output.slice(0, 500);
    throw new DevStackError(
      'KAFKA_JARS_FAILED',
      `Maven could not fetch ${what}'s jars: ${reason}. Check the network or Maven's settings.xml, then try again`,
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

/** The command of a program of jars, which logs quietly. */
export function javaLaunch({ java, jars }: JavaJars, jvm: readonly string[], rest: readonly string[]) {
  const args = [...jvm, `-Dlog4j2.configurationFile=${LOG4J}`, '-cp', join(jars, '*'), ...rest];
  return { command: java, args };
}
