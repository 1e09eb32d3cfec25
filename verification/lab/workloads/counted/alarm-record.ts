import { waitUntil } from '@convergekit/testing';
import { type Check, checkOf } from '../../../checker/check.ts';

/** What a fault may cause besides waiting. */
export interface Expected {
  /** The alarms that may be raised, by their names: words that the alarm's line has to have. */
  readonly alarms?: Readonly<Record<string, RegExp>>;
  /** The code with which transactions of writers may be refused. */
  readonly refusal?: string;
}

/** Records the alarms of a relay and of consumers, and compares them with what the fault of the moment may cause. */
export class AlarmRecord {
  /** Alarms that no fault explains, and those that do not name their cause. */
  readonly #findings: string[] = [];
  readonly #raised = new Set<string>();
  #fault = 'the begin of the load';
  #expected: Expected = {};

  /** The destination of the log of a service under test. */
  readonly destination = {
    write: (line: string): void => this.#take(JSON.parse(line) as Readonly<Record<string, unknown>>),
  };

  /** From now on alarms are of this fault. */
  begin(fault: string, expected: Expected): void {
    this.#fault = fault;
    this.#expected = expected;
    this.#raised.clear();
  }

  /** Resolves when this alarm was raised during the fault of the moment. */
  async until(alarm: string): Promise<void> {
    await waitUntil(() => this.#raised.has(alarm), { what: `the alarm ${alarm}` });
  }

  /** True for a refusal that the fault of the moment explains. */
  explains(error: unknown): boolean {
    const { refusal } = this.#expected;
    return refusal !== undefined && error instanceof Error && 'code' in error && error.code === refusal;
  }

  /** `looked`: the number of events during which alarms could be raised. */
  check(looked: number): Check {
    return checkOf('each alarm is of the fault that was caused, and names its cause', looked, this.#findings);
  }

  #take({ alarm, level, msg }: Readonly<Record<string, unknown>>): void {
    if (typeof alarm !== 'string' || level === 'info') return;
    this.#raised.add(alarm);
    const words = this.#expected.alarms?.[alarm];
    if (words?.test(String(msg)) === true) return;
    const why = words === undefined ? 'is not explained by it' : `lacks ${String(words)}`;
    this.#findings.push(`${alarm}, after ${this.#fault}, ${why}: ${String(msg)}`);
  }
}
