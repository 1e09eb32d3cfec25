import { fieldsOf } from '@convergekit/core/engine';
import type { Verdict } from './verdict.ts';

type Entry = Omit<Verdict, 'code'>;

const refused: Entry = { category: 'network', certainty: 'not_applied' };
const lost: Entry = { category: 'network', certainty: 'unknown' };
const setting: Entry = { category: 'configuration', certainty: 'not_applied', structural: true };
const exhausted: Entry = { category: 'service', certainty: 'not_applied' };

/** Node errno, DNS, undici and TLS codes. A connection that never opened applied nothing; a lost one may have. */
const CODES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ['ECONNREFUSED', refused],
  ['ENOTFOUND', refused],
  ['EAI_AGAIN', refused],
  ['EAI_FAIL', refused],
  ['EAI_NODATA', refused],
  ['EHOSTUNREACH', lost],
  ['EHOSTDOWN', lost],
  ['ENETUNREACH', lost],
  ['ENETDOWN', lost],
  ['ENETRESET', lost],
  ['ECONNRESET', lost],
  ['ECONNABORTED', lost],
  ['EPIPE', lost],
  ['ETIMEDOUT', lost],
  ['ESOCKETTIMEDOUT', lost],
  ['ENOTCONN', lost],
  ['ERR_STREAM_PREMATURE_CLOSE', lost],
  ['ERR_STREAM_DESTROYED', lost],
  ['ERR_SOCKET_CLOSED', lost],
  ['ERR_SOCKET_CONNECTION_TIMEOUT', refused],
  ['ERR_HTTP2_SESSION_ERROR', lost],
  ['ERR_HTTP2_STREAM_ERROR', lost],
  ['ERR_HTTP2_GOAWAY_SESSION', lost],
  ['UND_ERR_CONNECT_TIMEOUT', refused],
  ['UND_ERR_HEADERS_TIMEOUT', lost],
  ['UND_ERR_BODY_TIMEOUT', lost],
  ['UND_ERR_SOCKET', lost],
  ['UND_ERR_ABORTED', lost],
  ['UND_ERR_DESTROYED', lost],
  ['UND_ERR_CLOSED', refused],
  ['EADDRINUSE', setting],
  ['EADDRNOTAVAIL', setting],
  ['EACCES', setting],
  ['EPERM', setting],
  ['ENOENT', setting],
  ['ENOTDIR', setting],
  ['EISDIR', setting],
  ['EROFS', setting],
  ['ERR_INVALID_URL', setting],
  ['ERR_MODULE_NOT_FOUND', setting],
  ['EMFILE', exhausted],
  ['ENFILE', exhausted],
  ['ENOMEM', exhausted],
  ['ENOSPC', exhausted],
  ['EDQUOT', exhausted],
  ['EBUSY', { category: 'contention', certainty: 'not_applied' }],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', refused],
  ['EPROTO', setting],
  ['ERR_TLS_CERT_ALTNAME_INVALID', setting],
  ['ERR_SSL_WRONG_VERSION_NUMBER', setting],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', setting],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', setting],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', setting],
  ['ERR_SSL_UNSUPPORTED_PROTOCOL', setting],
  ['CERT_HAS_EXPIRED', setting],
  ['CERT_NOT_YET_VALID', setting],
  ['CERT_REVOKED', setting],
  ['CERT_REJECTED', setting],
  ['CERT_UNTRUSTED', setting],
  ['CERT_CHAIN_TOO_LONG', setting],
  ['CERT_SIGNATURE_FAILURE', setting],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', setting],
  ['SELF_SIGNED_CERT_IN_CHAIN', setting],
  ['UNABLE_TO_GET_ISSUER_CERT', setting],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', setting],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', setting],
  ['INVALID_CA', setting],
  ['INVALID_PURPOSE', setting],
  ['HOSTNAME_MISMATCH', setting],
]);

export function nodeRule(error: unknown): Verdict | undefined {
  const { code, syscall } = fieldsOf(error);
  if (typeof code !== 'string') return undefined;
  const entry = CODES.get(code);
  if (entry === undefined) return code.startsWith('ERR_SSL_') ? { ...lost, code } : undefined;
  // The call failed while connecting, before any byte was sent.
  const connecting = syscall === 'connect' || syscall === 'getaddrinfo';
  return entry === lost && connecting ? { ...refused, code } : { ...entry, code };
}

/** Classifies an abort or a timeout: we stopped waiting, and the outcome is unknown. */
export function abortRule(error: unknown): Verdict | undefined {
  const { name } = fieldsOf(error);
  if (name === 'TimeoutError') return { ...lost, code: 'TIMEOUT' };
  if (name === 'AbortError') return { ...lost, code: 'ABORTED' };
  return undefined;
}

/** Classifies validation errors: zod's, and any with the issues of a Standard Schema. */
export function schemaRule(error: unknown): Verdict | undefined {
  const { issues, name } = fieldsOf(error);
  const named = name === 'ZodError' || name === '$ZodError' || name === 'SchemaError';
  if (!named && !Array.isArray(issues)) return undefined;
  return { category: 'data', certainty: 'not_applied', code: 'VALIDATION_FAILED' };
}

const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError, URIError];

/** Classifies errors that JavaScript throws at wrong code, as the last rule. The caller knows the certainty. */
export function bugRule(error: unknown, certainty: Verdict['certainty']): Verdict | undefined {
  const kind = BUGS.find((bug) => error instanceof bug);
  const { name, code } = fieldsOf(error);
  if (kind !== undefined) return { category: 'bug', certainty, code: kind.name };
  if (name === 'AssertionError' || code === 'ERR_ASSERTION')
    return { category: 'bug', certainty, code: 'ERR_ASSERTION' };
  return undefined;
}
