/**
 * What differs between the interfaces of the builds that are compared. Each entry names the change; when no commit before it
 * is compared any more, the entry goes.
 */

/** True for builds from “agreement by default” on: the command asks for `--after-compensation`, policies have `giveUp`. */
export const agreement = process.env['COMPARE_AGREEMENT'] === '1';

/** Gives a bug up after its attempts in place, as all builds did before `giveUp` was a field of a policy. */
export const givesUpAtOnce = agreement ? { giveUp: { afterMs: 0, perHour: 'unbounded' as const } } : {};

/** The key of the call that is undone: it was `callKey` before it was `call.key`. */
export function keyOfCall(undoing: {
  readonly call?: { readonly key: string };
  readonly callKey?: string;
}): string {
  return undoing.call?.key ?? undoing.callKey ?? '';
}
