import { userInfo } from 'node:os';
import { logger } from '@convergekit/telemetry';

/** One line in the log for what an operator changed: who, what, with which result. Never payloads. */
export function audit(action: string, details: Readonly<Record<string, unknown>>): void {
  logger('audit').info({ action, by: operator(), ...details }, `operator: ${action}`);
}

/** Who runs this command. */
export function operator(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user without a name.
    return String(process.getuid?.() ?? 'unknown');
  }
}
