import type { ProviderSettings } from './provider-settings.ts';

/** What a provider says of a person. */
export type ProviderClaims = Readonly<Record<string, unknown>>;

export interface ProviderPerson {
  readonly user: string;
  readonly groups: readonly string[];
}

/**
 * Returns the person of a provider's claims, or why they name none. Only groups to which rights belong are kept: a person may be in
 * thousands. Pure.
 */
export function personOf(
  claims: ProviderClaims,
  { nameClaim, groupsClaim, issuer }: Pick<ProviderSettings, 'nameClaim' | 'groupsClaim' | 'issuer'>,
  named: ReadonlySet<string>,
): ProviderPerson | string {
  const name = claims[nameClaim];
  if (typeof name !== 'string' || name.trim() === '')
    return `${issuer.href} gave no ${nameClaim}: it gave ${Object.keys(claims).toSorted().join(', ')}. Name the claim in CONVERGE__CONSOLE__OIDC__NAME_CLAIM, or ask for its scope in CONVERGE__CONSOLE__OIDC__SCOPES`;
  if (nameClaim === 'email' && claims['email_verified'] === false)
    return `${issuer.href} has not verified the email of this person: anyone could have written it`;
  const groups = [claims[groupsClaim]].flat().filter((group) => typeof group === 'string');
  return { user: name.trim(), groups: [...new Set(groups)].filter((group) => named.has(group)) };
}
