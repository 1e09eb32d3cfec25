/** The limit above which the provider is not called. */
export const limitCents = 500_000;

/** Returns the reason not to charge the amount; undefined if it may be charged. */
export function refusalReason(amountCents: number): string | undefined {
  return amountCents > limitCents
    ? `${(amountCents / 100).toFixed(2)} is above our limit of ${(limitCents / 100).toFixed(2)}`
    : undefined;
}
