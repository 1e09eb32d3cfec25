import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { ConnectionError, type PasswordLogin } from './connection.ts';

/** The fewest rounds that are safe, and the most that are computed: brokers set 4,096 to 16,384. */
const ROUNDS = { least: 4_096, most: 100_000 } as const;
const HEADER = 'n,,';

const derive = promisify(pbkdf2);

/** Logs in by SCRAM (RFC 5802), in which the broker proves that it knows the password, too. */
export async function scram(
  { mechanism, username, password }: PasswordLogin,
  send: (text: string) => Promise<string>,
): Promise<void> {
  const [algorithm, length] = mechanism === 'scram-sha-512' ? ['sha512', 64] : ['sha256', 32];
  const hmac = (key: Buffer, text: string): Buffer => createHmac(algorithm, key).update(text).digest();
  const nonce = randomBytes(18).toString('base64url');
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`;
  const challenge = await send(HEADER + first);
  const { r = '', s = '', i = '' } = attributesOf(challenge);
  if (!r.startsWith(nonce) || r.length === nonce.length) throw refused('it answered another login');
  if (Buffer.from(s, 'base64').length === 0) throw refused('it sent no salt');
  const rounds = Number(i);
  if (!Number.isInteger(rounds) || rounds < ROUNDS.least || rounds > ROUNDS.most)
    throw refused(`it asks for ${i} iterations, and ${ROUNDS.least} to ${ROUNDS.most} are computed`);
  const salted = await derive(password, Buffer.from(s, 'base64'), rounds, length, algorithm);
  const last = `c=${Buffer.from(HEADER).toString('base64')},r=${r}`;
  const exchanged = [first, challenge, last].join();
  const key = hmac(salted, 'Client Key');
  const signature = hmac(createHash(algorithm).update(key).digest(), exchanged);
  const proof = key.map((byte, at) => byte ^ (signature[at] ?? 0));
  const { v = '', e } = attributesOf(await send(`${last},p=${Buffer.from(proof).toString('base64')}`));
  if (e !== undefined) throw refused(e.slice(0, 200));
  const expected = hmac(hmac(salted, 'Server Key'), exchanged);
  const given = Buffer.from(v, 'base64');
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw refused('it does not know the password, so it is another server than the one of this user');
}

function attributesOf(text: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]));
}

function refused(why: string): ConnectionError {
  return new ConnectionError('credentials', `SCRAM failed at the broker: ${why}`);
}
