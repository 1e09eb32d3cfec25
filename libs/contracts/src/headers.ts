import { ContractError } from './contract-error.ts';
import { isReserved } from './wire.ts';

const MAX_HEADERS = 64;
const MAX_HEADER_BYTES = 8192;

export interface HeaderCheck {
  /** Reserved names: refused for callers, allowed for the kit itself. @default 'refuse' */
  readonly reserved?: 'refuse' | 'allow';
}

/** Pattern of a header name: an RFC 9110 token of at most 128 characters, which every client can show. */
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
// Control characters that a value must not have: a line break could forge a header in a text protocol.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/**
 * Validates headers at emit: at most 64 headers, 8 KB of names and values together. Throws HEADERS_INVALID or
 * HEADER_RESERVED.
 */
export function checkHeaders(headers: Readonly<Record<string, string>>, check: HeaderCheck = {}): void {
  const entries = Object.entries(headers);
  if (entries.length > MAX_HEADERS)
    throw invalid(`there are ${entries.length} headers, at most ${MAX_HEADERS} are allowed`);
  let bytes = 0;
  for (const [name, value] of entries) {
    checkOne(name, value, check);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes > MAX_HEADER_BYTES)
    throw invalid(
      `they take ${bytes} bytes, at most ${MAX_HEADER_BYTES} are allowed; put data into the payload`,
    );
}

function checkOne(name: string, value: unknown, { reserved = 'refuse' }: HeaderCheck): void {
  const shown = JSON.stringify(name.slice(0, 80));
  if (!NAME.test(name)) throw invalid(`the name ${shown} is not 1 to 128 letters, digits, '-', '_' or '.'`);
  if (reserved === 'refuse' && isReserved(name))
    throw new ContractError('HEADER_RESERVED', `the header ${shown} is set by the kit: choose another name`);
  if (typeof value !== 'string') throw invalid(`the value of ${shown} is a ${typeof value}, not a string`);
  if (CONTROL.test(value))
    throw invalid(`the value of ${shown} has a line break or another control character`);
  if (!value.isWellFormed()) throw invalid(`the value of ${shown} has half of a surrogate pair`);
}

function invalid(what: string): ContractError {
  return new ContractError('HEADERS_INVALID', `the event's headers cannot be sent: ${what}`);
}
