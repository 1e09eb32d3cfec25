import { globSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A wall clock for processes that a test starts, which it sets while they run (libfaketime). Monotonic clocks stay right. */
export class ProcessClock {
  readonly #file = join(tmpdir(), `clock-${randomBytes(6).toString('hex')}`);

  constructor() {
    this.set('+0');
  }

  /** The environment of a process that has this clock. */
  get env(): Readonly<Record<string, string>> {
    const [library = ''] = globSync('/usr/lib/*/faketime/libfaketime.so.1');
    return {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      DONT_FAKE_MONOTONIC: '1',
    };
  }

  /** Sets the clock at once: `offset` to the right time, such as `+1h` or `-400d`. */
  set(offset: string): void {
    writeFileSync(`${this.#file}.new`, `${offset}\n`);
    // A process reads the file at any moment: it is replaced as a whole.
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** Removes the file. To be called after the processes ended. */
  close(): void {
    rmSync(this.#file, { force: true });
  }
}
