/** What one check found. `detail` says why, in words for an operator; never a secret. */
export interface Check {
  readonly ok: boolean;
  readonly detail?: string;
}

export type Checks = Readonly<Record<string, Check>>;

export interface HealthReport {
  readonly status: 200 | 503;
  readonly body: { readonly ok: boolean; readonly checks: Checks };
}

/** All checks must hold; none at all is healthy. A check that throws has failed, and says why. */
export function healthReport(checks: () => Checks): HealthReport {
  const found = evaluate(checks);
  const ok = Object.values(found).every((check) => check.ok);
  return { status: ok ? 200 : 503, body: { ok, checks: found } };
}

function evaluate(checks: () => Checks): Checks {
  try {
    return checks();
  } catch (error) {
    return { checks: { ok: false, detail: error instanceof Error ? error.message : String(error) } };
  }
}
