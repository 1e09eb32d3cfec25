/** sent, returned: of the giro bank · arrived: of the savings bank */
export type Movement = 'sent' | 'returned' | 'arrived';

export interface Account {
  readonly accountId: string;
  readonly balanceCents: number;
  readonly closed: boolean;
}

/** Why the account cannot be moved by so much (negative: money leaves); undefined when it can. */
export function refusal(
  accountId: string,
  account: Account | undefined,
  amountCents: number,
): string | undefined {
  if (account === undefined) return `there is no account ${accountId}`;
  if (account.closed) return `account ${accountId} is closed`;
  const left = account.balanceCents + amountCents;
  return left < 0 ? `account ${accountId} holds ${-left} cents too few` : undefined;
}
