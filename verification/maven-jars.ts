import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './programs.ts';
import { type Child, startChild } from './benchmarks/measure/child.ts';
import { madeOnce } from './made-once.ts';

export interface JavaJars {
  readonly java: string;
  readonly folder: string;
}

export interface JarsRequest {
  /** The pom whose dependencies are fetched. */
  readonly pom: string;
  /** Holds one folder of jars for each version of the pom. */
  readonly folder: string;
  /** What is fetched, for people: "Kafka Connect and Debezium". */
  readonly what: string;
  readonly megabytes: number;
  readonly say: (line: string) => void;
}

/** The jars of a pom, fetched by Maven once. Rejects with what to install when Java or Maven is missing. */
export async function mavenJars({ pom, folder, what, megabytes, say }: JarsRequest): Promise<JavaJars> {
  const home = process.env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  await run(java, ['-version']).catch((error: unknown) => {
    throw new Error(`Java was not found (${java}): install a Java runtime 17 or newer`, { cause: error });
  });
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  // Absolute: Maven takes a relative folder as one beside the pom.
  const target = resolve(folder, hash);
  await madeOnce(target, async (partial) => {
    say(`fetching ${what} with Maven (once; ${megabytes} MB)`);
    const goal = ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`];
    await run('mvn', goal, { timeout: 600_000, maxBuffer: 16_777_216 }).catch((error: unknown) => {
      throw new Error(reasonOf(error, what), { cause: error });
    });
    return undefined;
  });
  return { java, folder: target };
}

function reasonOf(error: unknown, what: string): string {
  if (error instanceof Error && 'syscall' in error && error.syscall === 'spawn mvn')
    return 'Maven (`mvn`) was not found: install it (Debian and Ubuntu: apt-get install maven)';
  const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  const line = output.split('\n').find((candidate) => candidate.includes('ERROR'));
  return `Maven could not fetch ${what}: ${line ?? output.slice(0, 300)}`;
}

export interface JavaProcess {
  readonly name: string;
  readonly jars: JavaJars;
  /** Flags of the machine. */
  readonly jvm: readonly string[];
  /** The class, and its arguments. */
  readonly args: readonly string[];
  readonly logFile: string;
}

const LOG4J = fileURLToPath(new URL('../libs/testing/kafka/log4j2.properties', import.meta.url));

/** Starts a program of the jars, with the quiet logging of the test kit's Kafka. */
export function startJava({ name, jars, jvm, args, logFile }: JavaProcess): Child {
  const classPath = ['-cp', join(jars.folder, '*')];
  const all = [...jvm, `-Dlog4j2.configurationFile=${LOG4J}`, ...classPath, ...args];
  return startChild({ name, command: jars.java, args: all, logFile });
}

/** Writes a file of properties, and returns its path. */
export function writeProperties(file: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(file, lines.join(''));
  return file;
}
