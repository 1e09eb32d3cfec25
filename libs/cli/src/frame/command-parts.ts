import { type Command, InvalidArgumentError } from 'commander';
import type { CommandContext } from './context.ts';

/** Runs an action with the settings and flags of its command; `false` means that something was found wanting. */
export type Act = (command: Command, action: (context: CommandContext) => Promise<boolean>) => Promise<void>;

export function positive(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1');
  return Number(text);
}

export function whole(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 0');
  return Number(text);
}

/** Why an operator acts: kept with what was changed. */
export function why(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must say why');
  return text;
}

export function pair(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be key=value');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

export function instant(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new InvalidArgumentError('It must be a time, as 2026-01-31T12:00:00Z');
  return time;
}
