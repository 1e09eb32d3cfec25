import { waitUntil } from '@convergekit/testing';
import { cli } from '../../../libs/cli/src/fixture/cli.ts';
import { partitionStates, sourceState } from '../operator.ts';
import type { CountedPart } from '../workloads/counted/part.ts';

/** The commands in a text for operators: each stands between backticks. Pure. */
export function commandsIn(text: string): readonly string[] {
  return [...text.matchAll(/`(converge [^`]+)`/g)].map(([, command = '']) => command);
}

/** The words of a command as a shell reads it, without its program. `<…>` is what the operator fills in: the first entry whose words it begins with. Pure. */
export function wordsOf(command: string, filledIn: Readonly<Record<string, string>> = {}): readonly string[] {
  const entries = Object.entries(filledIn);
  const filled = command.replaceAll(
    /<([^>]+)>/g,
    (place, words: string) => entries.find(([begin]) => words.startsWith(begin))?.[1] ?? place,
  );
  return [...filled.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '').slice(1);
}

/** Commands that ask before they act. */
const ASKING: ReadonlySet<string> = new Set(['topics accept', 'consumers resume', 'consumers fill']);

type Act = (command: string, env: Readonly<Record<string, string>>) => Promise<void>;

/** Runs a command of an advice as it is written. The answer to its question is yes. */
const act =
  (filledIn: Readonly<Record<string, string>>): Act =>
  async (command, env) => {
    const words = wordsOf(command, filledIn);
    const yes = ASKING.has(words.slice(0, 2).join(' ')) ? ['--yes'] : [];
    const { code, stderr } = await cli([...words, ...yes], { LOG_LEVEL: 'fatal', ...env });
    if (code !== 0) throw new Error(`the advised command ends with ${code}: ${command}\n${stderr}`);
  };

/** The halt of a topic at the relay, as an operator reads it. */
export async function heldReason(part: CountedPart, words: RegExp): Promise<string> {
  let reason = '';
  const isHeld = async (): Promise<boolean> => {
    const { held } = await sourceState(part.envOf(part.orders));
    reason = held.find((one) => words.test(one.reason))?.reason ?? '';
    return reason !== '';
  };
  await waitUntil(isHeld, {
    what: `the relay to halt with ${String(words)}`,
    deadlineMs: 60_000,
    everyMs: 200,
  });
  return reason;
}

/** Does what the halt of a topic advises: the first command of its reason. */
export async function followRelay(part: CountedPart, words: RegExp): Promise<void> {
  const reason = await heldReason(part, words);
  const [command] = commandsIn(reason);
  if (command === undefined) throw new Error(`the halt advises no command: ${reason}`);
  const groups = [...part.consumers.keys()].join(',');
  await act({ 'the groups that read it': groups })(command, part.envOf(part.orders));
}

/** Does what the halts of consumers advise, until none is halted. */
export async function followConsumers(part: CountedPart, isOver: () => Promise<boolean>): Promise<void> {
  const run = act({ 'URL of the database of': part.orders.url });
  const step = async (): Promise<boolean> => {
    let halted = 0;
    for (const place of part.consumers.values())
      for (const { halted: why } of await partitionStates(part.envOf(place))) {
        if (why === null) continue;
        halted += 1;
        const [first = '', second] = commandsIn(why.reason);
        await run(first, part.envOf(place));
        // A fill is followed by the resume that the text names next.
        if (first.includes(' fill ') && second !== undefined) await run(second, part.envOf(place));
      }
    return halted === 0 && (await isOver());
  };
  await waitUntil(step, { what: 'no partition to be halted', deadlineMs: 120_000, everyMs: 500 });
}
