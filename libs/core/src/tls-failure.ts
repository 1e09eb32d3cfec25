/** The settings of one server that an operator can change. */
export interface TlsSettings {
  /** The kind of server, as in "Kafka". */
  readonly server: string;
  /** What holds the authority of its certificate. */
  readonly ca: string;
  /** What holds this process's own certificate and key. */
  readonly certificate: string;
}

/** A failure of TLS in words. */
export interface TlsFailure {
  /** What is wrong, the library's reason, and the next step. */
  readonly text: string;
  /** False where bytes that are no TLS may be the cause, and the next attempt may succeed. */
  readonly isSetting: boolean;
}

type Explanation = readonly [pattern: RegExp, what: string, next: (settings: TlsSettings) => string];

const identity = ({ certificate }: TlsSettings): string =>
  `Check the certificate of this process in ${certificate}: its authority, its dates and its key`;

/** By Node's code or OpenSSL's message; the first that matches counts. */
const EXPLANATIONS: readonly Explanation[] = [
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|certificate's altnames/,
    'its certificate is for another host',
    () => 'Connect by a name of the certificate, or renew it with this name',
  ],
  [
    /CERT_HAS_EXPIRED|certificate has expired/,
    'its certificate has expired',
    () => 'Renew it, and check the clock of this host',
  ],
  [
    /CERT_NOT_YET_VALID|not yet valid/,
    'its certificate is of the future',
    () => 'Check the clocks of both hosts',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|self-signed certificate|unable to (get|verify)/,
    "this process does not trust the authority of the server's certificate",
    ({ ca }) => `Give the server's CA in ${ca}`,
  ],
  [
    /alert (certificate|bad certificate|unsupported certificate|unknown ca)/,
    'the server does not accept the certificate of this process, or requires one',
    identity,
  ],
  [
    /alert handshake failure/,
    'the server refused the handshake',
    ({ certificate }) =>
      `Check whether it requires a certificate of this process (${certificate}), and that both have a version and a cipher of TLS in common`,
  ],
  [
    /key values mismatch|PEM routines|bad decrypt|DECODER routines|asn1/i,
    'the certificate of this process cannot be used',
    identity,
  ],
];

const IS_TLS =
  /^(ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|EPROTO)|certificate|wrong version number|ssl routines|PEM routines/i;

/** Explains an error that is about TLS, by Node's code or else OpenSSL's message. Returns undefined for any other. Pure. */
export function tlsFailure(code: unknown, message: string, settings: TlsSettings): TlsFailure | undefined {
  const described = `${typeof code === 'string' ? code : ''} ${message}`.trim();
  if (!IS_TLS.test(described)) return undefined;
  const known = EXPLANATIONS.find(([pattern]) => pattern.test(described));
  const what = known?.[1] ?? 'the handshake failed';
  const next =
    known?.[2](settings) ??
    `Check that ${settings.server} with TLS listens there, with a version of TLS that this process has, and that nothing in between changes its bytes`;
  return { text: `${what} (${reasonIn(message)}). ${next}`, isSetting: known !== undefined };
}

/** The reason in a message of OpenSSL, which has a thread and a line of its source around it. */
function reasonIn(message: string): string {
  const [, reason] = /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/.exec(message) ?? [];
  return (reason ?? message).trim();
}
