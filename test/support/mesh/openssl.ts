// Authorities as others make them: by OpenSSL, with its own ideas of keys, names and extensions.
import type { SecretObject } from '../../../src/ca/root/plugged.ts';

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { redacted } from '../../../src/model/redacted.ts';

export interface MadeAuthority {
  readonly root: string;
  readonly rootKey: string;
  readonly certificate: string;
  readonly key: string;
  /** Revokes the certificates of these PEM texts. */
  readonly revoke: (...certificates: readonly string[]) => string;
}

export interface AuthorityWishes {
  readonly name?: string;
  /** As `openssl req -newkey` takes it. */
  readonly key?: readonly string[];
  readonly days?: number;
}

export const p256 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] as const;
export const p384 = ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384'] as const;
export const rsa2048 = ['rsa:2048'] as const;

/** Runs `work` in a directory of its own. */
export function inScratch<T>(work: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'keelson-openssl-'));
  try {
    return work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export const openssl = (cwd: string, ...args: readonly string[]): string =>
  execFileSync('openssl', args, { cwd, encoding: 'utf8', stdio: 'pipe' });

/** A root and an intermediate authority below it. */
export function makeAuthority({ name = 'Example', key = p256, days = 30 }: AuthorityWishes = {}): MadeAuthority {
  const authority = (extension: string): readonly string[] => [
    '-addext',
    `basicConstraints=critical,CA:TRUE${extension}`,
  ];
  return inScratch((directory) => {
    const run = (...args: readonly string[]): string => openssl(directory, ...args);
    const read = (file: string): string => readFileSync(join(directory, file), 'utf8');
    const subject = (what: string): readonly string[] => ['-subj', `/O=${name}/CN=${name} ${what}`];
    const usage = ['-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
    const life = ['-days', String(days)];
    const make = (what: string): readonly string[] => ['req', '-newkey', ...key, '-nodes', '-keyout', `${what}.key`];
    run(...make('root'), '-x509', ...life, ...subject('root'), ...authority(''), ...usage, '-out', 'root.pem');
    run(...make('middle'), ...subject('middle'), ...authority(',pathlen:0'), ...usage, '-out', 'middle.csr');
    const sign = ['x509', '-req', '-in', 'middle.csr', '-CA', 'root.pem', '-CAkey', 'root.key', '-CAcreateserial'];
    writeFileSync(join(directory, 'ids'), 'subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n');
    run(...sign, ...life, '-copy_extensions', 'copyall', '-extfile', 'ids', '-out', 'middle.pem');
    const made = {
      root: read('root.pem'),
      rootKey: read('root.key'),
      certificate: read('middle.pem'),
      key: read('middle.key'),
    };
    return { ...made, revoke: (...certificates) => revocationList(made.certificate, made.key, certificates) };
  });
}

function revocationList(certificate: string, key: string, revoked: readonly string[]): string {
  return inScratch((directory) => {
    const write = (file: string, text: string): void => writeFileSync(join(directory, file), text);
    const files = { 'ca.pem': certificate, 'ca.key': key, index: '', number: '01' };
    for (const [file, text] of Object.entries(files)) write(file, text);
    write(
      'conf',
      '[ca]\ndefault_ca=c\n[c]\ndatabase=index\ncrlnumber=number\ndefault_md=sha256\ndefault_crl_days=30\n',
    );
    const ca = ['ca', '-config', 'conf', '-cert', 'ca.pem', '-keyfile', 'ca.key'];
    for (const each of revoked) {
      write('leaf.pem', each);
      openssl(directory, ...ca, '-revoke', 'leaf.pem');
    }
    openssl(directory, ...ca, '-gencrl', '-out', 'crl.pem');
    return readFileSync(join(directory, 'crl.pem'), 'utf8');
  });
}

/** The Secret that plugs an authority in, as YAML. */
export function cacerts(parts: Readonly<Record<string, string>>): string {
  const data = Object.entries(parts).map(([key, text]) => `  ${key}: ${Buffer.from(text).toString('base64')}\n`);
  const head = 'apiVersion: v1\nkind: Secret\nmetadata: { name: cacerts, namespace: istio-system }\ndata:\n';
  return head + data.join('');
}

export const cacertsOf = ({ root, certificate, key }: MadeAuthority, more: Readonly<Record<string, string>> = {}) =>
  cacerts({
    'ca-cert.pem': certificate,
    'ca-key.pem': key,
    'cert-chain.pem': certificate + root,
    'root-cert.pem': root,
    ...more,
  });

/** The same as a parsed object. */
export function secretObject(parts: Readonly<Record<string, string>>): SecretObject {
  const [namespace, name] = ['istio-system', 'cacerts'];
  const data = Object.entries(parts).map(([key, text]) => [key, redacted(Buffer.from(text).toString('base64'))]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace, labels: {}, annotations: {}, creationTimestamp: '' },
    source: { kind: 'Secret', namespace, name },
    data: Object.fromEntries(data) as SecretObject['data'],
  };
}
