// Asks for certificates as a workload does that keeps its key to itself.
import type { ServiceError } from '@grpc/grpc-js';

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { Client, credentials, Metadata } from '@grpc/grpc-js';

import { certificateServiceDefinition } from '../../../src/ca/workload/certificate-service.ts';
import { inScratch, openssl } from '../mesh/openssl.ts';

export interface Ask {
  readonly csr: string;
  readonly seconds?: number;
  readonly metadata?: object;
  readonly token?: string;
  /** A certificate and its key, PEM, to show instead of a token. */
  readonly shown?: { readonly certificate: string; readonly privateKey: string };
}

export type Reply = { readonly chain: readonly string[] } | { readonly code: number; readonly details: string };

const { CreateCertificate: method } = certificateServiceDefinition();

export async function askForCertificate(port: number, roots: string, ask: Ask): Promise<Reply> {
  const { shown, token } = ask;
  const key = shown === undefined ? null : Buffer.from(shown.privateKey);
  const certificate = shown === undefined ? null : Buffer.from(shown.certificate);
  const client = new Client(`localhost:${port}`, credentials.createSsl(Buffer.from(roots), key, certificate));
  const metadata = new Metadata();
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
  const request = { csr: ask.csr, validityDuration: ask.seconds ?? 0, metadata: ask.metadata };
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        method!.path,
        method!.requestSerialize,
        method!.responseDeserialize,
        request,
        metadata,
        (error: ServiceError | null, response?: object) => {
          if (error !== null) resolve({ code: error.code, details: error.details });
          else resolve({ chain: (response as { certChain: readonly string[] }).certChain });
        },
      );
    });
  } finally {
    client.close();
  }
}

/** A request and its key, both PEM, made by OpenSSL: `key` as `openssl req -newkey` takes it. */
export function signingRequest(key: readonly string[], ...wishes: readonly string[]) {
  return inScratch((directory) => {
    const args = ['req', '-newkey', ...key, '-nodes', '-keyout', 'key', '-subj', '/CN=whoever', ...wishes];
    return { csr: openssl(directory, ...args), privateKey: readFileSync(join(directory, 'key'), 'utf8') };
  });
}
