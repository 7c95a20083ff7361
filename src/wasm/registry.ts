// Modules out of images in a registry: the manifest, the layer that has the module, and whatever token that takes. All that
// is fetched by its digest is checked against it.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import type { Fetched, FetchOptions, FetchRequest } from '../watchers/fetch/limited-fetch.ts';
import type { ImageReference } from './image-reference.ts';

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

import { fetchLimited } from '../watchers/fetch/limited-fetch.ts';
import { fileInTar } from './tar.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

const maxManifest = 4 * 1024 * 1024;

const manifestTypes = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/** A layer that is the module itself, not an archive with a file of it. */
const moduleLayer = 'application/vnd.module.wasm.content.layer.v1+wasm';
const fileInArchive = 'plugin.wasm';

interface Descriptor {
  readonly mediaType?: string;
  readonly digest?: string;
  readonly size?: number;
}
interface Manifest {
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

export interface Registry {
  readonly options: FetchOptions;
  readonly credentials: Credentials | undefined;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Only for registries of tests: others are asked over TLS alone. */
  readonly plain?: boolean;
}

/** The module in an image; `sha256` is the digest that its manifest must have, '' if any will do. Throws with a reason. */
export async function moduleInImage(registry: Registry, image: ImageReference, sha256: string): Promise<Buffer> {
  const access = new Access(registry, image);
  const { manifest, digest } = await access.manifest(image.version);
  if (sha256 !== '' && digest !== sha256) throw new Error(`the image has the digest ${digest}, and not ${sha256}`);
  const [inner] = manifest.manifests ?? [];
  const { layers = [] } = inner?.digest === undefined ? manifest : (await access.manifest(inner.digest)).manifest;
  const layer = layers.find(({ mediaType }) => mediaType === moduleLayer) ?? layers.at(-1);
  if (layer?.digest === undefined) throw new Error('the image has no layers');
  const content = await access.blob(layer.digest);
  if (layer.mediaType === moduleLayer) return content;
  const archive = content[0] === 0x1f ? gunzipSync(content, { maxOutputLength: registry.maxBytes }) : content;
  const file = fileInTar(archive, fileInArchive);
  if (file === undefined) throw new Error(`the image has no ${fileInArchive}`);
  return file;
}

/** To one repository. A token is asked for when the registry asks for one. */
class Access {
  readonly #registry: Registry;
  readonly #image: ImageReference;
  #authorization: string | undefined;

  constructor(registry: Registry, image: ImageReference) {
    this.#registry = registry;
    this.#image = image;
  }

  async manifest(version: string): Promise<{ readonly manifest: Manifest; readonly digest: string }> {
    const body = await this.#read(`manifests/${version}`, maxManifest, manifestTypes.join(', '));
    const digest = sha256Of(body);
    if (version.startsWith('sha256:') && version !== `sha256:${digest}`)
      throw new Error('the manifest is not what its digest says');
    const manifest = JSON.parse(body.toString('utf8')) as Manifest | null;
    if (typeof manifest !== 'object' || manifest === null) throw new Error('the manifest is none');
    return { manifest, digest };
  }

  async blob(digest: string): Promise<Buffer> {
    if (!/^sha256:[a-f0-9]{64}$/.test(digest)) throw new Error(`the layer's digest is none that is known`);
    const body = await this.#read(`blobs/${digest}`, this.#registry.maxBytes, '*/*');
    if (digest !== `sha256:${sha256Of(body)}`) throw new Error('the layer is not what its digest says');
    return body;
  }

  async #read(path: string, maxBytes: number, accept: string): Promise<Buffer> {
    const { plain = false } = this.#registry;
    const { registry, repository } = this.#image;
    const uri = `${plain ? 'http' : 'https'}://${registry}/v2/${repository}/${path}`;
    const ask = (): Promise<Fetched> => {
      const authorization = this.#authorization;
      return this.#fetch({
        uri,
        maxBytes,
        headers: { accept, ...(authorization !== undefined && { authorization }) },
        alsoExpected: [401],
      });
    };
    const first = await ask();
    if (first.status !== 401) return first.body;
    this.#authorization = await this.#authorize(first.headers['www-authenticate'] ?? '');
    const second = await ask();
    if (second.status === 401) throw new Error(`${registry} does not let us read ${repository}`);
    return second.body;
  }

  #fetch(request: FetchRequest): Promise<Fetched> {
    return fetchLimited(request, this.#registry.options, this.#registry.signal);
  }

  /** https://distribution.github.io/distribution/spec/auth/token/ */
  async #authorize(challenge: string): Promise<string> {
    const { credentials, plain = false } = this.#registry;
    const basic =
      credentials === undefined
        ? undefined
        : `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    if (/^basic\b/i.test(challenge) && basic !== undefined) return basic;
    const realm = parameter(challenge, 'realm');
    if (!/^bearer\b/i.test(challenge) || realm === undefined || !URL.canParse(realm))
      throw new Error('the registry asks for credentials, and there are none');
    const url = new URL(realm);
    if (url.protocol !== 'https:' && !plain) throw new Error('the registry sends us to a place without TLS');
    for (const name of ['service', 'scope']) {
      const value = parameter(challenge, name);
      if (value !== undefined) url.searchParams.set(name, value);
    }
    const { body } = await this.#fetch({
      uri: url.href,
      maxBytes: maxManifest,
      headers: basic === undefined ? {} : { authorization: basic },
    });
    const { token, access_token: other } = JSON.parse(body.toString('utf8')) as {
      token?: string;
      access_token?: string;
    };
    return `Bearer ${token ?? other ?? ''}`;
  }
}

const parameter = (challenge: string, name: string): string | undefined =>
  new RegExp(`\\b${name}="([^"]{1,2000})"`).exec(challenge)?.[1];

const sha256Of = (content: Buffer): string => createHash('sha256').update(content).digest('hex');
