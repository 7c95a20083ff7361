// Percentages: Envoy counts in hundredths, ten-thousandths or millionths; 100 as denominator is its zero value.
// https://www.envoyproxy.io/docs/envoy/latest/api-v3/type/v3/percent.proto
import type { Percent } from '../../../model/schema/index.ts';
import type { MessageOf } from '../../../xds/generated/messages.ts';

type FractionalPercent = MessageOf['envoy.type.v3.FractionalPercent'];

/** `{value: 12.5}` is 125,000 in a million. */
export const millionths = (percent: Percent): FractionalPercent => ({
  ...numerator(Math.round((percent.value ?? 0) * 10_000)),
  denominator: 'MILLION',
});

export const hundredths = (percent: number): FractionalPercent => numerator(percent);

const numerator = (value: number): FractionalPercent => (value === 0 ? {} : { numerator: value });
