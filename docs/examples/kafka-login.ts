let kept = { value: '', until: 0 };

/** For CONVERGE__KAFKA__SASL__MECHANISM=oauthbearer and CONVERGE__KAFKA__SASL__TOKEN_MODULE=./token.ts */
export async function token(): Promise<{ value: string }> {
  if (Date.now() < kept.until) return { value: kept.value };
  const { TOKEN_URL = '', CLIENT_ID = '', CLIENT_SECRET = '' } = process.env;
  const answer = await fetch(TOKEN_URL, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
    }),
    signal: AbortSignal.timeout(2_000),
  });
  if (!answer.ok) throw new Error(`the issuer answered ${answer.status}`);
  const issued = (await answer.json()) as { access_token: string; expires_in: number };
  kept = { value: issued.access_token, until: Date.now() + (issued.expires_in - 60) * 1_000 };
  return { value: kept.value };
}
