// The stretch of a picture that is seen: everything at first, then what wheel, pointer and buttons make of it.
import { useRef, useState } from 'preact/hooks';

import type { Placed } from './layout.ts';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const margin = 24;
/** Nodes are not drawn larger than life. */
const smallest = { width: 900, height: 440 };

export function useZoom(
  places: ReadonlyMap<string, Placed>,
  node: { readonly width: number; readonly height: number },
) {
  const [moved, setMoved] = useState<{ readonly of: unknown; readonly box: Box }>();
  const whole = around([...places.values()], node);
  const box = moved !== undefined && moved.of === places ? moved.box : whole;
  const current = useRef(box);
  current.current = box;
  const show = (next: Box): void => setMoved({ of: places, box: next });
  const zoom = (factor: number): void => show(scaled(current.current, factor));
  return {
    viewBox: `${box.x} ${box.y} ${box.width} ${box.height}`,
    zoom,
    onWheel: (event: WheelEvent): void => {
      // Without a key the page scrolls, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.1 : 0.9);
    },
    onPointerDown: (event: PointerEvent): void => drag(event, current.current, show),
  };
}

function around(
  places: readonly Placed[],
  { width, height }: { readonly width: number; readonly height: number },
): Box {
  const xs = places.map(({ x }) => x);
  const ys = places.map(({ y }) => y);
  const left = Math.min(0, ...xs) - width / 2 - margin;
  const top = Math.min(0, ...ys) - height / 2 - margin;
  const size = {
    width: Math.max(smallest.width, Math.max(0, ...xs) + width / 2 + margin - left),
    height: Math.max(smallest.height, Math.max(0, ...ys) + height / 2 + margin - top),
  };
  return { x: left, y: top, ...size };
}

const scaled = ({ x, y, width, height }: Box, factor: number): Box => ({
  x: x + (width * (1 - factor)) / 2,
  y: y + (height * (1 - factor)) / 2,
  width: width * factor,
  height: height * factor,
});

function drag(down: PointerEvent, box: Box, show: (box: Box) => void): void {
  const picture = down.currentTarget as SVGSVGElement;
  if (down.pointerType === 'touch' || (down.target as Element).closest('.node') !== null) return;
  const scale = box.width / picture.clientWidth;
  const move = (event: PointerEvent): void => {
    const x = box.x - (event.clientX - down.clientX) * scale;
    show({ ...box, x, y: box.y - (event.clientY - down.clientY) * scale });
  };
  const end = (): void => {
    removeEventListener('pointermove', move);
    removeEventListener('pointerup', end);
  };
  addEventListener('pointermove', move);
  addEventListener('pointerup', end);
}
