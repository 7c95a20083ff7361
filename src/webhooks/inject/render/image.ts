// Which image the proxy runs: what the Pod names, else what the installation names, else a stock Envoy; and of which kind.
// https://www.envoyproxy.io/docs/envoy/latest/start/install#pre-built-images
import type { Context } from './context.ts';

/** A short name stands for an image beside the usual one. */
export function proxyImage({ annotations, values, settings, config }: Context): string {
  const usual = values.text('global.proxy.image');
  const base = usual?.includes('/') === true ? usual : settings.images.envoy;
  const own = annotations['sidecar.istio.io/proxyImage'];
  if (own?.includes('/') === true) return own;
  const kind =
    annotations['sidecar.istio.io/proxyImageType'] ?? config.image?.imageType ?? values.text('global.variant');
  return ofKind(own === undefined ? base : beside(base, own), kind);
}

/** The init container's. */
export function programImage({ values, settings }: Context): string {
  const named = values.text('global.proxy_init.image');
  return named?.includes('/') === true ? named : settings.images.keelson;
}

/** Envoy's tags have their kind in front: `distroless-v1.40.0`. */
function ofKind(image: string, kind: string | undefined): string {
  const { repository, tag } = parts(image);
  if (kind === undefined || kind === '' || kind === 'default' || tag === undefined || tag.startsWith('@')) return image;
  return tag.startsWith(`${kind}-`) ? image : `${repository}:${kind}-${tag}`;
}

export const isDistroless = (image: string): boolean => parts(image).tag?.includes('distroless') ?? false;

function beside(image: string, name: string): string {
  const { repository, tag } = parts(image);
  const folder = repository.slice(0, repository.lastIndexOf('/') + 1);
  return name.includes(':') || tag === undefined ? `${folder}${name}` : `${folder}${name}${separator(tag)}${tag}`;
}

const separator = (tag: string): string => (tag.startsWith('@') ? '' : ':');

/** A digest counts as a tag, with its sign. */
function parts(image: string): { readonly repository: string; readonly tag?: string } {
  const at = image.indexOf('@');
  if (at >= 0) return { repository: image.slice(0, at), tag: image.slice(at) };
  const colon = image.lastIndexOf(':');
  return colon > image.lastIndexOf('/')
    ? { repository: image.slice(0, colon), tag: image.slice(colon + 1) }
    : { repository: image };
}
