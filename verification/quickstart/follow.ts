import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { humanLine } from '@convergekit/telemetry/engine';
import { waitUntil } from '@convergekit/testing';
import { root } from '../../infra/packages/workspaces.ts';
import { whileRunning, type Running } from '../programs.ts';
import { isShown, type PageStep, stepsOf } from './page.ts';

/** What a reader had to do, and the time that it took. */
export interface Effort {
  readonly page: string;
  readonly commands: number;
  /** Lines of files that the page has the reader write or copy. */
  readonly lines: number;
  readonly seconds: number;
}

interface Reader {
  /** An empty folder. */
  readonly outside: string;
  readonly env: NodeJS.ProcessEnv;
  /** Runs a line of a shell. Resolves with what it printed, and the folder that it ended in as the last line. */
  readonly step: (line: string, cwd: string, env?: NodeJS.ProcessEnv) => Promise<string>;
}

/** Commands that stay up until Ctrl-C. */
const STAYS_UP = /^(npm run dev|npx convergekit relay)$/;

/** Commands that only look: a person types them again where what they list is not there yet. */
const LISTS = /^npx convergekit \w+ (list|show|history)\b/;

/** What a command printed so far, or the way to have it printed again. */
interface Seen {
  readonly log: () => string;
  readonly again?: (() => Promise<void>) | undefined;
}

/**
 * Does what a section of a page says, in an empty folder, and compiles its code. Rejects when a command fails, or a line of the
 * page is not seen.
 */
export async function followPage(reader: Reader, page: string, heading: string): Promise<Effort> {
  const began = performance.now();
  const steps = stepsOf(await readFile(join(root, page), 'utf8'), heading);
  const state = { cwd: await mkdtemp(join(reader.outside, 'page-')), env: reader.env, page };
  const service = await doSteps(reader, steps, state, []);
  await reader.step('npm run check', service);
  const written = await Promise.all(steps.map((step) => linesOf(step, page)));
  return {
    page,
    commands: steps.filter((step) => step.do === 'type').length,
    lines: written.reduce((sum, lines) => sum + lines, 0),
    seconds: Math.round((performance.now() - began) / 1_000),
  };
}

interface State {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly page: string;
}

/** Does the first of the steps, then the others; what stays up is stopped when they are done. Resolves with the last folder. */
async function doSteps(
  reader: Reader,
  [next, ...others]: readonly PageStep[],
  state: State,
  seen: readonly Seen[],
): Promise<string> {
  if (next === undefined) return state.cwd;
  if (next.do === 'type' && STAYS_UP.test(next.line)) {
    const command = ['bash', '-c', `exec ${next.line}`] as const;
    let last = state.cwd;
    await whileRunning(
      command,
      state,
      async ({ log }) => {
        const env = next.line === 'npm run dev' ? await exported(state.env, log) : state.env;
        last = await doSteps(reader, others, { ...state, env }, [...seen, { log }]);
      },
      'SIGINT',
    );
    return last;
  }
  const after = await doStep(reader, next, state, seen);
  return doSteps(reader, others, { ...state, cwd: after.cwd }, [...seen, ...after.seen]);
}

/** The environment of another terminal: with the line `export …` that `dev` prints, once it is there. */
export async function exported(env: NodeJS.ProcessEnv, log: Running['log']): Promise<NodeJS.ProcessEnv> {
  const printed = await waitUntil(() => Promise.resolve(/ export (.+)/.exec(log())?.[1]), {
    what: 'the line export',
  });
  const set = [...printed.matchAll(/(\w+)=(\S+)/g)].map(
    ([, name = '', value = '']) => [name, value] as const,
  );
  return { ...env, ...Object.fromEntries(set) };
}

async function doStep(
  reader: Reader,
  step: PageStep,
  { cwd, env, page }: State,
  seen: readonly Seen[],
): Promise<{ cwd: string; seen: readonly Seen[] }> {
  switch (step.do) {
    case 'type': {
      const type = (): Promise<string> => reader.step(step.line, cwd, env);
      const printed = await untilListening(type);
      const log = { printed };
      const again = LISTS.test(step.line) ? async () => void (log.printed = await type()) : undefined;
      return { cwd: printed.trimEnd().split('\n').at(-1) ?? cwd, seen: [{ log: () => log.printed, again }] };
    }
    case 'write':
      await mkdir(dirname(join(cwd, step.path)), { recursive: true });
      await writeFile(join(cwd, step.path), step.text);
      return { cwd, seen: [] };
    case 'copy':
      await copyFile(resolve(root, dirname(page), step.from), join(cwd, step.path));
      return { cwd, seen: [] };
    case 'expect':
      await waitUntil(
        async () => {
          if (seen.some(({ log }) => isShown(asInTerminal(log()), step.line))) return true;
          await seen.at(-1)?.again?.();
          return false;
        },
        { what: `the line that ${page} shows: ${step.line}` },
      ).catch((error: unknown) => {
        throw new Error(`not seen: ${step.line}\n${seen.map(({ log }) => log()).join('\n---\n')}`, {
          cause: error,
        });
      });
      return { cwd, seen: [] };
  }
}

/** The exit code of curl where nothing listens yet. */
const NOTHING_LISTENS = 7;

/** Types a line again while nothing listens where it asks, as a person does whose service has just been started. */
async function untilListening(type: () => Promise<string>): Promise<string> {
  const printed = await waitUntil(
    () =>
      type().then(
        (text) => ({ text }),
        (error: unknown) => {
          const { cause } = error as { readonly cause?: { readonly code?: unknown } };
          if (cause?.code !== NOTHING_LISTENS) throw error;
          return undefined;
        },
      ),
    { what: 'a service that listens' },
  );
  return printed.text;
}

const asInTerminal = (log: string): string =>
  stripVTControlCharacters(log)
    .split('\n')
    .map((line) => humanLine(line, false))
    .join('\n');

async function linesOf(step: PageStep, page: string): Promise<number> {
  const text =
    step.do === 'write'
      ? step.text
      : step.do === 'copy'
        ? await readFile(resolve(root, dirname(page), step.from), 'utf8')
        : '';
  return text.split('\n').filter((line) => line.trim() !== '').length;
}
