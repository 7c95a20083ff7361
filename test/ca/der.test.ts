// What is written is what was meant: read back by OpenSSL.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  bitString,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  time,
  utf8String,
} from '../../src/ca/certificate/der.ts';
import { inScratch, openssl } from '../support/mesh/openssl.ts';

const read = (der: Buffer): string =>
  inScratch((directory) => {
    writeFileSync(join(directory, 'der'), der);
    return openssl(directory, 'asn1parse', '-inform', 'DER', '-in', 'der', '-i');
  });

test.each([
  [integer(Buffer.from([0])), 'INTEGER           :00'],
  [integer(Buffer.from([0, 0, 5])), 'INTEGER           :05'],
  [integer(Buffer.from([0x80])), 'INTEGER           :80'],
  [objectIdentifier('1.2.840.113549.1.1.11'), 'sha256WithRSAEncryption'],
  [objectIdentifier('2.5.29.17'), 'X509v3 Subject Alternative Name'],
  [utf8String('Zürich'), 'UTF8STRING        :Zürich'],
  [time(Date.UTC(2049, 11, 31, 23, 59, 59)), 'UTCTIME           :491231235959Z'],
  [time(Date.UTC(2050, 0, 1)), 'GENERALIZEDTIME   :20500101000000Z'],
  [bitString(Buffer.from([0x80]), 7), 'l=   2 prim: BIT STRING'],
])('%#', (der, printed) => {
  expect(read(der)).toContain(printed);
});

test.each([0, 127, 128, 255, 256, 65_536])('%i bytes have their length told', (length) => {
  const headers = read(sequence(octetString(Buffer.alloc(length))));
  expect(headers).toMatch(new RegExp(`l= *${length} prim: +OCTET STRING`));
});
