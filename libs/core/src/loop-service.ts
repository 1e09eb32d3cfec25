import { containStrays } from './call-of-code.ts';
import type { Service } from './service.ts';

export interface LoopServiceOptions {
  readonly name: string;
  /**
   * Checks what the loops need. A rejection makes `start` reject, and no loop runs. The signal aborts at a stop, which
   * waits for it. @default nothing
   */
  readonly prepare?: (signal: AbortSignal) => Promise<unknown>;
  /** The loops, which end at the signal. If they reject, so does `done`. */
  readonly run: (signal: AbortSignal) => Promise<unknown>;
  /** Awaits the work that the loops have begun, after the loops have ended. @default nothing */
  readonly drain?: () => Promise<unknown>;
  /** The loops run code of an application: the rejections that it leaves behind end no process. @default false */
  readonly runsCode?: boolean;
}

/** Makes a service of loops: `start` prepares and starts them, `stop` ends and drains them. */
export function loopService({ name, prepare, run, drain, runsCode = false }: LoopServiceOptions): Service {
  const stopping = new AbortController();
  const ended = Promise.withResolvers<undefined>();
  ended.promise.catch(() => undefined); // the code that runs the service handles it; a test need not
  let running: Promise<unknown> = Promise.resolve();
  let starting: Promise<void> = Promise.resolve();
  let strays: (() => void) | undefined;
  const start = async (): Promise<void> => {
    await prepare?.(stopping.signal);
    if (runsCode) strays ??= containStrays();
    if (!stopping.signal.aborted) running = run(stopping.signal).catch(ended.reject);
  };
  return {
    name,
    done: ended.promise,
    start: () => (starting = start()),
    async stop() {
      stopping.abort();
      await starting.catch(() => undefined);
      await running;
      await drain?.();
      strays?.();
      strays = undefined;
      ended.resolve(undefined);
    },
  };
}
