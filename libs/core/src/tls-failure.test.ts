import { expect, it } from 'vitest';
import { tlsFailure } from './tls-failure.ts';

const settings = { server: 'Kafka', ca: 'CA_FILE', certificate: 'CERT_FILE and KEY_FILE' };
const openssl = (reason: string): string =>
  `Connection error: 407D2A8B997F0000:error:0A00045C:SSL routines:ssl3_read_bytes:${reason}:../deps/openssl/rec_layer_s3.c:918:SSL alert number 116\n`;

it.each([
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'x', 'its certificate is for another host (x). Connect by a name'],
  ['CERT_HAS_EXPIRED', 'x', 'its certificate has expired (x). Renew it'],
  ['CERT_NOT_YET_VALID', 'x', 'its certificate is of the future (x). Check the clocks'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'x', "Give the server's CA in CA_FILE"],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'x', "Give the server's CA in CA_FILE"],
  [undefined, 'unable to get local issuer certificate', "Give the server's CA in CA_FILE"],
  [undefined, openssl('tlsv13 alert certificate required'), '(tlsv13 alert certificate required). Check the'],
  ['EPROTO', openssl('ssl/tls alert handshake failure'), 'requires a certificate of this process (CERT_FILE'],
  [undefined, openssl('tlsv1 alert unknown ca'), 'in CERT_FILE and KEY_FILE: its authority'],
  [
    undefined,
    'error:05800074:x509 certificate routines::key values mismatch',
    'cannot be used (key values mismatch). Check the certificate of this process in CERT_FILE and KEY_FILE',
  ],
  [
    'ERR_OSSL_PEM_NO_START_LINE',
    'error:0480006C:PEM routines::no start line',
    'cannot be used (no start line)',
  ],
])(
  'a failure of TLS with the code %s and the text %j names its cause and the setting',
  (code, message, text) => {
    const failure = tlsFailure(code, message, settings);
    expect(failure?.text).toContain(text);
    expect(failure?.isSetting).toBe(true);
  },
);

it.each(['wrong version number', 'tlsv1 alert protocol version'])(
  'a handshake that fails with %j may be no fault of a setting, and its text has no address of memory',
  (reason) => {
    const failure = tlsFailure('EPROTO', openssl(reason), settings);
    expect(failure).toMatchObject({ isSetting: false });
    expect(failure?.text).toMatch(
      /^the handshake failed \([a-z/ 0-9]+\)\. Check that Kafka with TLS listens there/,
    );
  },
);

it.each([
  ['ECONNREFUSED', 'connect ECONNREFUSED'],
  ['ECONNRESET', 'Client network socket disconnected before secure TLS connection was established'],
  [undefined, 'relation "orders" does not exist'],
])('an error %s is no failure of TLS', (code, message) => {
  expect(tlsFailure(code, message, settings)).toBeUndefined();
});
