import { AsyncLocalStorage } from 'node:async_hooks';
import { messageOf } from './error-fields.ts';
import { type Certainty, ConvergeError } from './failure.ts';

/** A call of an application's code by the kit: a handler, a step, a repair. */
export interface CallOfCode {
  /** Says what was called: its handler, consumer and event. */
  readonly what: () => string;
  /** Takes the error of a promise that the code left without `await`. */
  readonly stray: (error: unknown) => void;
  /** Takes an error that a callback of the code threw: a timer, a listener. False when nothing fails by it any more. */
  readonly thrown: (error: unknown) => boolean;
}

const calls = new AsyncLocalStorage<CallOfCode>();

/** Runs code, and whatever it leaves behind, as that of a call. */
export function inCallOfCode<T>(call: CallOfCode, run: () => T): T {
  return calls.run(call, run);
}

/** Returns the call whose code runs here, or left behind what failed here; undefined for other code. */
export function callOfCode(): CallOfCode | undefined {
  return calls.getStore();
}

/** Creates the error of code that did not await a promise, which was rejected with `cause`. */
export function strayError(
  what: string,
  cause: unknown,
  certainty: Certainty = 'not_applied',
): ConvergeError {
  return new ConvergeError(
    `\`await\` is missing: ${what} did not await a promise, which was rejected: ${messageOf(cause)}. Write \`await\` before what makes it, or handle its error.`,
    { code: 'REJECTION_NOT_AWAITED', category: 'bug', certainty, cause },
  );
}

/** Creates the error of code with a callback that threw `cause`, where no `await` of the code could get it. */
export function callbackError(
  what: string,
  cause: unknown,
  certainty: Certainty = 'not_applied',
): ConvergeError {
  return new ConvergeError(
    `a callback of ${what} threw (a timer, or a listener of an event, such as an 'error' that has no listener): ${messageOf(cause)}. Catch it in the callback, and reject a promise that the code awaits.`,
    { code: 'CALLBACK_THREW', category: 'bug', certainty, cause },
  );
}

/** The line of a log about such a rejection that came too late to fail anything. */
export function lateStray(what: string): string {
  return `\`await\` is missing: a promise that ${what} did not await was rejected after the end, and fails no attempt: write \`await\` before what makes it`;
}

/**
 * Runs code of an application. Rejects when it leaves a rejection behind, and at once when a callback of it throws;
 * `late` gets the rejections after its end.
 */
export async function runCode<T>(
  what: string,
  late: (error: unknown, line: string) => void,
  run: () => Promise<T>,
): Promise<T> {
  const broken = Promise.withResolvers<never>();
  let ended = false;
  let failed: ConvergeError | undefined;
  const stray = (error: unknown): void => {
    if (ended) late(error, lateStray(what));
    else failed ??= strayError(what, error);
  };
  const thrown = (error: unknown): boolean => {
    if (ended) return false;
    failed ??= callbackError(what, error);
    broken.reject(failed);
    return true;
  };
  try {
    const result = await Promise.race([
      inCallOfCode({ what: () => what, stray, thrown }, run),
      broken.promise,
    ]);
    if (failed !== undefined) throw failed;
    return result;
  } catch (error) {
    throw failed ?? error;
  } finally {
    ended = true;
  }
}

let services = 0;
let end: ((error: unknown, origin: string) => void) | undefined;

/**
 * Gives what the code of a call does not handle to that call: rejections, and errors that its callbacks throw. They end no
 * process. Others go on as if this were not here, or to `uncaught`. Returns the function that ends it; the last one takes
 * the listeners away.
 */
export function containStrays(uncaught?: (error: unknown, origin: string) => void): () => void {
  end ??= uncaught;
  services += 1;
  if (services === 1) {
    process.on('unhandledRejection', onRejection);
    process.on('uncaughtException', onException);
  }
  let ended = false;
  return () => {
    if (ended) return;
    ended = true;
    services -= 1;
    if (services === 0) release();
  };
}

function release(): void {
  process.off('unhandledRejection', onRejection);
  process.off('uncaughtException', onException);
}

function onRejection(reason: unknown): void {
  passStray(callOfCode(), reason);
}

/** Gives a rejection that nothing handled to a call; without one, it is Node's and the process's. */
export function passStray(call: CallOfCode | undefined, reason: unknown): void {
  if (call !== undefined) return call.stray(reason);
  if (process.listenerCount('unhandledRejection') > 1) return;
  // What Node does without a listener.
  const error = reason instanceof Error ? reason : new Error(`a promise was rejected with ${String(reason)}`);
  const emitter: NodeJS.EventEmitter = process;
  emitter.emit('uncaughtException', error, 'unhandledRejection');
}

function onException(error: unknown, origin: string): void {
  if (callOfCode()?.thrown(error) === true) return;
  if (end !== undefined) return end(error, origin);
  if (process.listenerCount('uncaughtException') > 1) return;
  // What Node does without a listener: it prints the error and exits.
  release();
  process.nextTick(() => {
    throw error;
  });
}
