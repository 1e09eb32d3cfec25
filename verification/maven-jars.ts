import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

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
  if (existsSync(target)) return { java, folder: target };
  mkdirSync(folder, { recursive: true });
  const partial = resolve(folder, `.partial-${process.pid}`);
  say(`fetching ${what} with Maven (once; ${megabytes} MB)`);
  try {
    await run(
      'mvn',
      ['-q', '-B', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${partial}`],
      { timeout: 600_000, maxBuffer: 16_777_216 },
    );
    // The rename makes the folder appear complete.
    if (!existsSync(target)) renameSync(partial, target);
  } catch (error) {
    throw new Error(reasonOf(error, what), { cause: error });
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return { java, folder: target };
}

function reasonOf(error: unknown, what: string): string {
  if (error instanceof Error && 'syscall' in error && error.syscall === 'spawn mvn')
    return 'Maven (`mvn`) was not found: install it (Debian and Ubuntu: apt-get install maven)';
  const output = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
  const line = output.split('\n').find((candidate) => candidate.includes('ERROR'));
  return `Maven could not fetch ${what}: ${line ?? output.slice(0, 300)}`;
}
