// One module for a user who wrote its address: from a web server, or out of an image in a registry. It is found to be one, and
// the one that was meant, before any proxy hears of it.
// https://istio.io/latest/docs/reference/config/proxy_extensions/wasm-plugin/
import type { ModuleSource } from '../model/external/module-source.ts';
import type { FetchOptions } from '../watchers/fetch/limited-fetch.ts';
import type { Credentials } from './registry.ts';

import { createHash } from 'node:crypto';

import { fetchLimited } from '../watchers/fetch/limited-fetch.ts';
import { imageReference } from './image-reference.ts';
import { moduleInImage } from './registry.ts';

export interface ModuleFetchOptions extends FetchOptions {
  /** Whether registries may be asked without TLS: only those of tests. */
  readonly plainRegistries?: boolean;
}

export interface FetchedModule {
  readonly sha256: string;
  readonly bytes: Buffer;
}

/** Of the runtime; its types come with those of browsers, which are not ours. */
const { WebAssembly: runtime } = globalThis as unknown as {
  readonly WebAssembly: { readonly compile: (bytes: Uint8Array) => Promise<unknown> };
};

const maxBytes = 32 * 1024 * 1024;
const patience = 30_000;

/** Throws with a reason that a user can read. */
export async function fetchModule(
  source: ModuleSource,
  credentials: (registry: string) => Credentials | undefined,
  options: ModuleFetchOptions,
  stop: AbortSignal,
): Promise<FetchedModule> {
  const timeout = AbortSignal.timeout(patience);
  const signal = AbortSignal.any([stop, timeout]);
  try {
    const isImage = /^oci:/i.test(source.url);
    const bytes = isImage
      ? await fromRegistry(source, credentials, options, signal)
      : (await fetchLimited({ uri: source.url, maxBytes }, options, signal)).body;
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (!isImage && source.sha256 !== '' && source.sha256 !== sha256)
      throw new Error(`the module has the digest ${sha256}, and not ${source.sha256}`);
    await runtime.compile(bytes).catch(() => {
      throw new Error('what is there is no WebAssembly module');
    });
    return { sha256, bytes };
  } catch (error) {
    throw timeout.aborted ? new Error(`it did not come within ${patience / 1000} seconds`) : error;
  }
}

async function fromRegistry(
  { url, sha256 }: ModuleSource,
  credentials: (registry: string) => Credentials | undefined,
  options: ModuleFetchOptions,
  signal: AbortSignal,
): Promise<Buffer> {
  const image = imageReference(url);
  if (image === undefined) throw new Error(`${url} is not the name of an image`);
  const { plainRegistries: plain = false } = options;
  return moduleInImage({ options, credentials: credentials(image.registry), maxBytes, signal, plain }, image, sha256);
}
