import { ConvergeError } from '@convergekit/core';
import { UsageError } from '@convergekit/operate/errors';

/** The status codes with which the console refuses a request. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 421 | 429 | 503;

/** A request that the console refuses; nothing was changed. */
export class ConsoleRefusal extends ConvergeError {
  readonly status: RefusalStatus;

  constructor(status: RefusalStatus, code: string, message: string) {
    super(message, { code, category: 'data', certainty: 'not_applied' });
    this.status = status;
  }
}

/** What a request is refused with when a view or an act refuses it; undefined = it failed. */
export function refusalOf(error: unknown): ConsoleRefusal | undefined {
  if (error instanceof ConsoleRefusal) return error;
  if (error instanceof UsageError) return new ConsoleRefusal(400, error.code, error.message);
  if (!isRefusal(error)) return undefined;
  const isAbsent = /_(?:UNKNOWN|GONE)$/.test(error.code);
  return new ConsoleRefusal(isAbsent ? 404 : 409, error.code, error.message);
}

/** True for the refusal of a package's function, whose words are for people. */
export function isRefusal(error: unknown): error is ConvergeError {
  return error instanceof ConvergeError && (error.category === 'data' || error.category === 'contention');
}

/** Makes the refusal of something that does not exist. */
export function notFound(message: string): ConsoleRefusal {
  return new ConsoleRefusal(404, 'CONSOLE_NOT_FOUND', message);
}

/** Makes the refusal of an input that cannot be used. */
export function invalidInput(message: string): ConsoleRefusal {
  return new ConsoleRefusal(400, 'CONSOLE_INPUT_INVALID', message);
}

/** Makes the refusal of an action that the present state does not allow. */
export function conflict(message: string): ConsoleRefusal {
  return new ConsoleRefusal(409, 'CONSOLE_CONFLICT', message);
}
