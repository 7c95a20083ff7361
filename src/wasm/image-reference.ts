// The name of an image in a registry, as containers have it.
// https://github.com/distribution/reference

export interface ImageReference {
  /** `host` or `host:port` */
  readonly registry: string;
  readonly repository: string;
  /** A tag, or a digest such as `sha256:...`. */
  readonly version: string;
}

const part = '[a-z0-9]+(?:[._-]{1,3}[a-z0-9]+)*';
const pattern = new RegExp(
  `^(?:([a-z0-9.-]+(?::\\d{1,5})?)/)?(${part}(?:/${part})*)(?::([\\w.-]{1,128}))?(?:@(sha256:[a-f0-9]{64}))?$`,
  'i',
);

/** Of `oci://registry/repository:tag`; undefined for what is none. Without a registry it is Docker's. */
export function imageReference(url: string): ImageReference | undefined {
  const text = url.replace(/^oci:\/\//i, '');
  if (text.length > 1000) return undefined;
  const [, host, repository = '', tag = 'latest', digest] = pattern.exec(text) ?? [];
  if (repository === '') return undefined;
  const isHost = host !== undefined && (host.includes('.') || host.includes(':') || host === 'localhost');
  const path = isHost || host === undefined ? repository : `${host}/${repository}`;
  if (isHost) return { registry: host, repository: path, version: digest ?? tag };
  return {
    registry: 'registry-1.docker.io',
    repository: path.includes('/') ? path : `library/${path}`,
    version: digest ?? tag,
  };
}
