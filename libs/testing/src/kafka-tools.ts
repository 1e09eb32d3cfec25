import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { createInterface } from 'node:readline';
import type { DockerServer } from './stack/docker-server.ts';
import { dataFolder } from './stack/instance.ts';
import { findJava } from './stack/java.ts';
import { type JavaJars, KAFKA, kafkaJars } from './stack/java-jars.ts';

export interface KafkaToolOptions {
  /** Called with each line of its standard output, in order. */
  readonly onLine: (line: string) => void;
  readonly signal?: AbortSignal;
}

/** Kafka's command-line tools against a stack's brokers: an implementation that shares no code with the kit. */
export interface KafkaTools {
  /** Resolves when tools can be run. Rejects with a DevStackError that says what to install. */
  prepare(): Promise<void>;
  /** Runs a main class of Kafka's tools with `--bootstrap-server` and `args`. Rejects when it exits with another code than 0. */
  run(mainClass: string, args: readonly string[], options: KafkaToolOptions): Promise<void>;
}

/** Short-lived JVMs: the first compiler is enough, and little memory. */
const JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx384m'];

/** Tools on this machine's Java. The jars are CONVERGE_KAFKA_JARS, or fetched by Maven once into `dataDir`. */
export function javaTools(
  brokers: string,
  dataDir?: string,
  { env, log }: { env?: NodeJS.ProcessEnv; log?: (line: string) => void } = {},
): KafkaTools {
  let ready: Promise<JavaJars> | undefined;
  const prepare = (): Promise<JavaJars> => (ready ??= findTools(dataDir, env, log));
  return {
    prepare: async () => {
      await prepare();
    },
    run: async (mainClass, args, { onLine, signal }) => {
      const { java, jars } = await prepare();
      const child = spawn(java, commandOf(jars, mainClass, ['--bootstrap-server', brokers, ...args]), {
        stdio: ['ignore', 'pipe', 'pipe'],
        killSignal: 'SIGKILL',
        ...(signal === undefined ? {} : { signal }),
      });
      const exit = once(child, 'close') as Promise<[number | null]>;
      const [errors, [code]] = await Promise.all([tail(child.stderr), exit, readLines(child.stdout, onLine)]);
      if (code !== 0) throw new Error(`${mainClass} ended with ${code ?? 'a signal'}: ${errors}`);
    },
  };
}

/** Tools inside the broker's container: nothing but Docker is needed on this machine. */
export function containerTools(server: DockerServer, bootstrap: string): KafkaTools {
  return {
    prepare: () => Promise.resolve(),
    run: async (mainClass, args, { onLine, signal }) => {
      const { container } = server;
      const command = commandOf('/opt/kafka/libs', mainClass, ['--bootstrap-server', bootstrap, ...args]);
      const exec = await container.exec({
        Cmd: ['java', ...command],
        AttachStdout: true,
        AttachStderr: true,
      });
      const stream = await exec.start({ hijack: true, stdin: false });
      const [out, err] = [new PassThrough(), new PassThrough()];
      const modem = container.modem as {
        demuxStream(from: Readable, out: PassThrough, err: PassThrough): void;
      };
      modem.demuxStream(stream, out, err);
      const end = (): void => {
        out.end();
        err.end();
      };
      stream.once('end', end).once('close', end);
      const abort = (): void => void stream.destroy();
      signal?.addEventListener('abort', abort, { once: true });
      const [errors] = await Promise.all([tail(err), readLines(out, onLine)]);
      signal?.removeEventListener('abort', abort);
      signal?.throwIfAborted();
      const { ExitCode: code } = await exec.inspect();
      if (code !== 0) throw new Error(`${mainClass} ended with ${code ?? 'no code'}: ${errors}`);
    },
  };
}

/** Makes the command of a main class of Kafka's tools: the program, and its arguments. */
export async function javaCommand(mainClass: string, args: readonly string[]): Promise<[string, string[]]> {
  const { java, jars } = await findTools();
  return [java, commandOf(jars, mainClass, args)];
}

function commandOf(jars: string, mainClass: string, args: readonly string[]): string[] {
  return [...JVM, '-cp', join(jars, '*'), mainClass, ...args];
}

async function findTools(
  dataDir = dataFolder(),
  env: NodeJS.ProcessEnv = process.env,
  log: (line: string) => void = () => undefined,
): Promise<JavaJars> {
  const given = env['CONVERGE_KAFKA_JARS'];
  if (given !== undefined && given !== '') return { java: await findJava({ ...KAFKA, env }), jars: given };
  return kafkaJars({ directory: join(dataDir, 'kafka-jars'), log, env });
}

async function readLines(input: Readable, onLine: (line: string) => void): Promise<void> {
  const reader = createInterface({ input });
  reader.on('line', onLine);
  await once(reader, 'close');
}

/** The end of what a tool wrote to its standard error: the reason when it failed. */
async function tail(input: Readable): Promise<string> {
  let text = '';
  for await (const chunk of input) text = (text + String(chunk)).slice(-2_000);
  return text.trim();
}
