/** Above this we do not even ask the provider. */
export const limitCents = 500_000;

/** Why we will not charge it; undefined when we will. */
export function refusal(amountCents: number): string | undefined {
  return amountCents > limitCents
    ? `${(amountCents / 100).toFixed(2)} is above our limit of ${(limitCents / 100).toFixed(2)}`
    : undefined;
}
