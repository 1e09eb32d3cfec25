/** The kind of a movement. sent, returned: giro bank; arrived: savings bank. */
export type Movement = 'sent' | 'returned' | 'arrived';

export interface Account {
  readonly accountId: string;
  readonly balanceCents: number;
  readonly closed: boolean;
}

/** Returns the reason why an amount (negative: outgoing) cannot be booked; undefined if it can. */
export function refusalReason(
  accountId: string,
  account: Account | undefined,
  amountCents: number,
): string | undefined {
  if (account === undefined) return `there is no account ${accountId}`;
  if (account.closed) return `account ${accountId} is closed`;
  const left = account.balanceCents + amountCents;
  return left < 0 ? `account ${accountId} holds ${-left} cents too few` : undefined;
}
