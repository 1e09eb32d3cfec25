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

const quoted = (word: string): string => (word.includes(' ') ? JSON.stringify(word) : word);
