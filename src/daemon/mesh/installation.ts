// What holds for this control plane as a whole: its features, as its environment asks for them, and Envoy's messages.
import { features } from '../../config.ts';
import type { Installation } from '../../translate/resolve/settings/mesh-settings.ts';
import { installationWith } from '../../translate/resolve/settings/mesh-settings.ts';
import { messageTypes } from '../../xds/codec/message-types.ts';

/** `place`: where the control plane is, other than by default. */
export const installation = (
  place: Partial<Pick<Installation, 'systemNamespace' | 'revision'>> = {},
): Installation => ({
  ...installationWith(features(), messageTypes),
  ...place,
});
