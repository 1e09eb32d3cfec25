import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { DevStackError } from './stack-error.ts';

const run = promisify(execFile);
const OLDEST = 17;
const INSTALL =
  'install a Java runtime 17 or newer (Debian and Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk), set KAFKA_BROKERS to a Kafka that runs, or test without Kafka (withPostgres, applyOne, memoryBroker need none)';

/** The `java` command to use: JAVA_HOME's when that is set, else the first on PATH. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const home = env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  let output: string;
  try {
    output = (await run(java, ['-version'], { env, timeout: 20_000 })).stderr;
  } catch (error) {
    throw new DevStackError(
      'JAVA_MISSING',
      `Kafka runs on Java and \`${java}\` was not found: ${INSTALL}`,
      error,
    );
  }
  const version = javaMajor(output);
  if (version === undefined || version < OLDEST)
    throw new DevStackError(
      'JAVA_TOO_OLD',
      `Kafka 4 needs Java ${OLDEST} or newer and \`${java}\` is version ${version ?? 'unknown'}: ${INSTALL}`,
    );
  return java;
}

/** 17 of `openjdk version "17.0.15" …`, 8 of `java version "1.8.0_402"`. */
export function javaMajor(output: string): number | undefined {
  const match = /version "(\d+)(?:\.(\d+))?/.exec(output);
  if (match === null) return undefined;
  const major = Number(match[1]);
  return major === 1 ? Number(match[2]) : major;
}
