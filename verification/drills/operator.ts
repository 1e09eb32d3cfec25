import { runCli } from '../../libs/cli/src/fixture/cli-process.ts';

/** The environment of a command: which database, which brokers. */
export type Environment = Readonly<Record<string, string>>;

/** The commands that an operator gives in a drill, as the runbooks name them. */
export class Operator {
  readonly #note: (line: string) => void;

  constructor(note: (line: string) => void) {
    this.#note = note;
  }

  /** Runs `converge` and returns what it printed. Throws when it fails. */
  async run(args: readonly string[], env: Environment): Promise<string> {
    this.#note(`$ converge ${args.map(quoted).join(' ')}`);
    const { code, stdout, stderr } = await runCli([...args, '--json'], env);
    if (code !== 0)
      throw new Error(`converge ${args.join(' ')} ended with ${code ?? 'a signal'}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs a command that waits for something else, until it succeeds. */
  async retry(args: readonly string[], env: Environment, attempts = 60): Promise<string> {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await this.run(args, env);
      } catch (error) {
        if (attempt === attempts) throw error;
      }
  }
}

interface Shown {
  readonly comparison: { readonly result?: { readonly refusals: unknown[]; readonly unread: unknown[] } };
}

/** True when `converge source show` printed that the log has everything that this source published. */
export function isComplete(shown: string): boolean {
  const { result } = (JSON.parse(shown) as Shown).comparison;
  return result !== undefined && result.refusals.length === 0 && result.unread.length === 0;
}

interface Listed {
  readonly topic: string;
  readonly partition: number;
  readonly halted: { readonly code: string } | null;
}

/** Gives the commands that end a runbook: the log fits the source, and every partition of the consumers is running. */
export async function checkTheEnd(
  operator: Operator,
  source: Environment,
  consumers: readonly Environment[],
): Promise<void> {
  if (!isComplete(await operator.run(['source', 'show'], source)))
    throw new Error('converge source show: a part of the log was not compared');
  for (const consumer of consumers) {
    const listed = JSON.parse(await operator.run(['consumers', 'list'], consumer)) as readonly Listed[];
    const halted = listed.filter((one) => one.halted !== null);
    if (listed.length === 0 || halted.length > 0)
      throw new Error(
        `converge consumers list: ${listed.length} partitions, halted ${JSON.stringify(halted)}`,
      );
  }
}

const quoted = (word: string): string => (word.includes(' ') ? JSON.stringify(word) : word);
