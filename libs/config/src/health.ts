import { messageOf } from '@convergekit/core/engine';
/** The result of one check. `detail` explains it to an operator, without secrets. */
export interface Check {
  readonly ok: boolean;
  readonly detail?: string;
}

export type Checks = Readonly<Record<string, Check>>;

export interface HealthReport {
  readonly status: 200 | 503;
  readonly body: { readonly ok: boolean; readonly checks: Checks };
}

/** Runs the checks; healthy when all hold, or when there are none. A check that throws has failed. */
export function healthReport(checks: () => Checks): HealthReport {
  const found = evaluate(checks);
  const ok = Object.values(found).every((check) => check.ok);
  return { status: ok ? 200 : 503, body: { ok, checks: found } };
}

function evaluate(checks: () => Checks): Checks {
  try {
    return checks();
  } catch (error) {
    return { checks: { ok: false, detail: messageOf(error) } };
  }
}
